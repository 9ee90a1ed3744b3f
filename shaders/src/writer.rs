use std::fmt::Display;

/// Writes indented WGSL.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    text: String,
    depth: usize,
}

impl Writer {
    /// One line.
    pub(crate) fn line(&mut self, line: impl Display) {
        let line = line.to_string();
        if !line.is_empty() {
            self.text.extend(std::iter::repeat_n("    ", self.depth));
        }
        self.text.push_str(&line);
        self.text.push('\n');
    }

    /// Lines that are indented as if this were their left edge.
    pub(crate) fn lines(&mut self, lines: &str) {
        lines.lines().for_each(|line| self.line(line));
    }

    /// A comment of one line.
    pub(crate) fn comment(&mut self, comment: impl Display) {
        self.line(format_args!("// {comment}"));
    }

    /// `head {`, the indented body, `}`.
    pub(crate) fn block(&mut self, head: impl Display, body: impl FnOnce(&mut Self)) {
        self.lines(&format!("{head} {{"));
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.line("}");
    }

    /// `head`, the indented items with a comma each, `tail`.
    pub(crate) fn list(
        &mut self,
        head: impl Display,
        items: impl IntoIterator<Item = impl Display>,
        tail: impl Display,
    ) {
        self.line(head);
        self.depth += 1;
        items.into_iter().for_each(|item| self.line(format_args!("{item},")));
        self.depth -= 1;
        self.line(tail);
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}
