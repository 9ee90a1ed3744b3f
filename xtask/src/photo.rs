//! `cargo xtask photo`: imports published weights and classifies photographs on this device.

use crate::programs::{Programs, json, write_json};
use crate::setup::{self, Photo};
use crate::values::list;
use crate::workspace;
use anyhow::{Result, bail};
use serde_json::{Value, json};

/// Flags of `cargo xtask photo`.
#[derive(clap::Args)]
pub struct Options {
    /// Only fetch weights, photographs and class names into target/photo
    #[arg(long)]
    fetch_only: bool,
}

/// A photograph and the ImageNet classes that count as a right answer.
struct Photograph {
    file: &'static str,
    shows: &'static str,
    classes: std::ops::RangeInclusive<usize>,
}

const PHOTOGRAPHS: [Photograph; 4] = [
    // Tabby, tiger cat, Persian, Siamese, Egyptian: Chelsea's breed is unknown.
    Photograph { file: "chelsea.png", shows: "a cat", classes: 281..=285 },
    Photograph { file: "coffee.png", shows: "espresso", classes: 967..=967 },
    Photograph { file: "rocket.jpg", shows: "a missile", classes: 657..=657 },
    Photograph { file: "grace_hopper.jpg", shows: "a military uniform", classes: 652..=652 },
];

/// Answers shown for each photograph.
const SHOWN: usize = 5;

/// Makes a bundle of EfficientNet-Lite0's published weights, which holds the children that `more` names.
pub fn import_lite0(programs: &Programs, photo: &Photo, bundle: &str, more: &[&str]) -> Result<Value> {
    let (weights, labels) = (photo.weights(), photo.labels_file.to_string_lossy());
    let arguments = ["import", "--model", "efficientnet-lite0", "--weights", &weights, "--labels", &labels];
    let mut import = programs.trainer(&arguments);
    import.args(["--output", bundle, "--replace"]).args(more);
    json(import)
}

/// Fetches, imports, runs and judges; writes `target/photo/summary.json`.
pub fn run(options: &Options) -> Result<()> {
    println!("\n== fetch");
    let photo = setup::photo()?;
    if options.fetch_only {
        println!("labels    {}\nweights   {}", photo.labels_file.display(), photo.weights());
        return Ok(());
    }
    setup::ensure()?;
    println!("\n== build");
    let programs = Programs::build()?;
    let folder = workspace::target().join("photo");
    let bundle = folder.join("lite0.nestling").to_string_lossy().into_owned();

    println!("\n== import");
    let imported = import_lite0(&programs, &photo, &bundle, &[])?;

    println!("\n== run");
    let mut run = programs.device(&["run", &bundle, "--child", "lite0"]);
    run.args(PHOTOGRAPHS.map(|photograph| photo.file(photograph.file)));
    let ran = json(run)?;

    let judged = judge(&photo.labels, &ran)?;
    let documents: Vec<Value> = judged.iter().map(Judged::document).collect();
    let summary = json!({ "import": imported, "run": ran, "photographs": documents });
    let path = folder.join("summary.json");
    write_json(&path, &summary)?;
    print_table(&judged);
    println!("\nsummary  {}", path.display());
    let wrong: Vec<String> = judged.iter().filter(|one| !one.right).map(Judged::error).collect();
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("; ")) }
}

/// The device's answer for a photograph.
#[derive(Debug)]
struct Judged {
    file: &'static str,
    shows: &'static str,
    right: bool,
    /// Label and probability, best first.
    top: Vec<(String, f64)>,
}

impl Judged {
    fn document(&self) -> Value {
        let top: Vec<Value> = self.top.iter().map(|(label, p)| json!({ "label": label, "probability": p })).collect();
        json!({ "file": self.file, "shows": self.shows, "right": self.right, "top": top })
    }

    fn error(&self) -> String {
        let (label, probability) = self.top.first().map_or(("nothing", 0.0), |(label, p)| (label, *p));
        format!("{} shows {}, but the answer is `{label}` ({:.1} %)", self.file, self.shows, 100.0 * probability)
    }
}

/// Compares the device's answers with the classes of the photographs.
fn judge(labels: &[String], ran: &Value) -> Result<Vec<Judged>> {
    let images = list(&ran["images"]);
    if images.len() != PHOTOGRAPHS.len() {
        bail!("`nestling-device run` answered for {} of {} photographs", images.len(), PHOTOGRAPHS.len());
    }
    let mut judged = Vec::new();
    for Photograph { file, shows, classes } in PHOTOGRAPHS {
        let is_it = |image: &&Value| image["source"].as_str().is_some_and(|source| source.ends_with(file));
        let Some(image) = images.iter().find(is_it) else {
            bail!("`nestling-device run` gave no answer for {file}");
        };
        let top = list(&image["top"]).iter().take(SHOWN);
        let top: Vec<(String, f64)> = top
            .map(|one| {
                let label = one["label"].as_str().unwrap_or("?").to_owned();
                (label, one["probability"].as_f64().unwrap_or(f64::NAN))
            })
            .collect();
        let accepted = labels.get(classes).unwrap_or_default();
        let right = top.first().is_some_and(|(label, _)| accepted.contains(label));
        judged.push(Judged { file, shows, right, top });
    }
    Ok(judged)
}

fn print_table(judged: &[Judged]) {
    println!("\n  photograph        answer                              probability");
    for one in judged {
        for (index, (label, probability)) in one.top.iter().enumerate() {
            let file = if index == 0 { one.file } else { "" };
            let verdict = match (index, one.right) {
                (0, true) => format!("  right: {}", one.shows),
                (0, false) => format!("  WRONG: shows {}", one.shows),
                _ => String::new(),
            };
            println!("  {file:17} {label:35} {:9.2} %{verdict}", 100.0 * probability);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<String> {
        (0..1000).map(|class| format!("class {class}")).collect()
    }

    /// The JSON of `nestling-device run`, with these classes as first answers.
    fn ran(classes: [u32; 4]) -> Value {
        let image = |(photograph, class): (&Photograph, u32)| {
            let top = |class| json!({ "label": format!("class {class}"), "probability": 0.5 });
            json!({ "source": format!("/somewhere/{}", photograph.file), "top": [top(class), top(999)] })
        };
        json!({ "images": PHOTOGRAPHS.iter().zip(classes).map(image).collect::<Vec<_>>() })
    }

    #[test]
    fn right_answers_are_right() {
        let judged = judge(&labels(), &ran([285, 967, 657, 652])).unwrap();
        assert!(judged.iter().all(|one| one.right), "{judged:?}");
        assert_eq!(judged[0].top[1], ("class 999".to_owned(), 0.5));
    }

    #[test]
    fn a_wrong_answer_names_the_photograph() {
        let judged = judge(&labels(), &ran([286, 967, 657, 652])).unwrap();
        let wrong: Vec<String> = judged.iter().filter(|one| !one.right).map(Judged::error).collect();
        assert_eq!(wrong, ["chelsea.png shows a cat, but the answer is `class 286` (50.0 %)"]);
    }

    #[test]
    fn a_missing_answer_is_an_error() {
        judge(&labels(), &json!({})).unwrap_err();
        let mut swapped = ran([281, 967, 657, 652]);
        swapped["images"][1]["source"] = json!("tea.png");
        assert!(judge(&labels(), &swapped).unwrap_err().to_string().contains("coffee.png"));
    }
}
