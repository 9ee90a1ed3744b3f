use super::page::{figure, search, training};
use super::{Evaluation, answers};
use crate::search::SearchReport;
use crate::train::EpochReport;
use nestling_page::document;
use nestling_page::markup::{Text, grouped, percent};
use std::fmt::Write;

/// A run without a device: how its children classify, how it was trained, and what a search found.
#[derive(Clone, Copy, Debug)]
pub struct RunPage<'a> {
    /// The epochs that are done.
    pub epochs: &'a [EpochReport],
    /// The search, if there was one.
    pub search: Option<&'a SearchReport>,
    /// The answers of its children for the test images.
    pub evaluation: &'a Evaluation,
}

impl RunPage<'_> {
    /// The page: one document that needs no script, no font and no network.
    pub fn html(&self) -> String {
        let mut page = String::new();
        self.write_header(&mut page);
        page.push_str("<main>\n");
        page.push_str(&answers::section(self.evaluation));
        training(&mut page, self.epochs);
        if let Some(found) = self.search {
            search(&mut page, found, &[]);
        }
        page.push_str("</main>\n");
        let title = format!("Nestling: {}", self.evaluation.report.data);
        document(&title, include_str!("style.css"), &page)
    }

    fn write_header(&self, page: &mut String) {
        let report = &self.evaluation.report;
        let _ = writeln!(
            page,
            "<header>\n<p class=\"brand\">Nestling</p>\n<h1>A supernet trained on {}</h1>\n<p class=\"lead\">Every \
             child below is a slice of the same weights. All were tested on the same {} images of {} classes, on which \
             none of them was trained.</p>\n<dl class=\"figures\">",
            Text(&report.data),
            grouped(report.images as f64),
            grouped(report.classes.len() as f64)
        );
        for child in report.children.iter().filter(|child| ["biggest", "smallest"].contains(&child.name.as_str())) {
            figure(page, &percent(child.test_top1), "%", &format!("test top-1 of the {} child", child.name));
        }
        if let Some(last) = self.epochs.last() {
            figure(page, &grouped(last.cpu_s), "CPU-s", "of training, all children together");
            figure(page, &grouped(f64::from(last.epoch)), "epochs", "done");
        }
        page.push_str("</dl>\n</header>\n");
    }
}
