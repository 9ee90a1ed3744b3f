//! The wheels as a user gets them: built, installed in an empty environment, and run.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

mod common;

use common::{bundle, equipped_python, printed, root, run, system_python};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Ten lines of a user, without Rust, NumPy, PIL or this repository.
const TEN_LINES: &str = r#"import sys
import nestling
with nestling.Runtime(sys.argv[1]) as runtime:
    print(runtime)
    runtime.profile("profile.json")
    choice = runtime.choose(1e6)
    print(choice)
    answer = runtime.classify(sys.argv[2])
    print(answer.label, answer.probability)
    runtime.switch_to(choice.next_faster or choice)
"#;

/// A photograph of 512 x 600 pixels, which Matplotlib brings.
fn photograph() -> PathBuf {
    let find = "import matplotlib; print(matplotlib.get_data_path())";
    let folder = printed(Command::new(equipped_python()).args(["-c", find]));
    Path::new(folder.trim()).join("sample_data/grace_hopper.jpg")
}

/// A wheel as `cargo xtask python` builds it, or the newest one in the folder that `NESTLING_WHEELS` names.
fn wheels(folder: &Path, trainer: Option<&Path>) -> PathBuf {
    if let Some(built) = std::env::var_os("NESTLING_WHEELS") {
        return built.into();
    }
    let mut build = Command::new(env!("CARGO"));
    build.args(["xtask", "python", "--out"]).arg(folder).current_dir(root());
    run(trainer.iter().fold(&mut build, |build, trainer| build.arg("--trainer").arg(trainer)));
    folder.to_owned()
}

fn wheel(folder: &Path, beginning: &str) -> PathBuf {
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let is_wanted = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(beginning);
    files.filter(is_wanted).max().unwrap_or_else(|| panic!("no {beginning}* in {}", folder.display()))
}

/// An environment with these wheels and nothing else; returns its folder of programs.
fn installed(folder: &Path, wheels: &[PathBuf]) -> PathBuf {
    let environment = folder.join("environment");
    run(Command::new(system_python()).args(["-m", "venv", "--without-pip"]).arg(&environment));
    let mut install = Command::new(system_python());
    install.args(["-m", "pip", "--python"]).arg(environment.join("bin/python"));
    install.args(["install", "--quiet", "--disable-pip-version-check", "--no-index", "--root-user-action=ignore"]);
    run(install.args(wheels));
    environment.join("bin")
}

/// The trainer that cargo built last, or the one that `NESTLING_TRAINER` names.
fn trainer() -> PathBuf {
    let named = std::env::var_os("NESTLING_TRAINER").map(PathBuf::from);
    let built = ["release", "debug"].map(|profile| root().join("target").join(profile).join("nestling"));
    let found = named.into_iter().chain(built).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("no trainer was built: `cargo build -p nestling-train`, or name one in NESTLING_TRAINER")
    })
}

/// Lays libtorch 2.11.0, which links the trainer, where the wheel of torch would have it.
fn install_torch(programs: &Path) {
    let find = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let packages = PathBuf::from(printed(Command::new(programs.join("python")).args(["-c", find])).trim());
    let libraries = std::env::var_os("LIBTORCH").map_or_else(|| root().join("target/libtorch"), PathBuf::from);
    fs::create_dir(packages.join("torch")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(root().join(libraries).join("lib"), packages.join("torch/lib")).unwrap();
    fs::create_dir(packages.join("torch-2.11.0.dist-info")).unwrap();
    fs::write(
        packages.join("torch-2.11.0.dist-info/METADATA"),
        "Metadata-Version: 2.1\nName: torch\nVersion: 2.11.0\n",
    )
    .unwrap();
}

#[test]
#[ignore = "builds the wheel, which takes minutes"]
fn ten_lines_classify_a_photograph_in_an_empty_environment_and_the_program_runs() {
    let folder = tempfile::tempdir().unwrap();
    let wheel = wheel(&wheels(&folder.path().join("wheels"), None), "nestling-");
    assert!(fs::metadata(&wheel).unwrap().len() <= 6_000_000, "{}", wheel.display());
    let programs = installed(folder.path(), &[wheel]);
    for (picture, known) in [(bundle().with_file_name("coat.png"), "coat"), (photograph(), "")] {
        let mut python = Command::new(programs.join("python"));
        python.args(["-I", "-c", TEN_LINES]).arg(bundle()).arg(&picture).current_dir(folder.path());
        let text = printed(&mut python);
        let (label, probability) = text.lines().last().unwrap().rsplit_once(' ').unwrap();
        assert!(label.starts_with(known), "{text}");
        assert!((0.0..=1.0).contains(&probability.parse::<f64>().unwrap()), "{text}");
        // Another front of the same runtime. Every budget is kept, so that the most accurate child answered.
        let mut run = Command::new(programs.join("nestling-device"));
        let answer = printed(run.arg("run").arg(bundle()).arg(&picture).args(["--child", "biggest", "--top", "1"]));
        assert!(answer.contains(label), "{label}: {answer}");
    }
    assert!(folder.path().join("profile.json").is_file());

    let info = printed(Command::new(programs.join("nestling-device")).args(["info", "--json"]));
    assert!(info.contains("adapters"), "{info}");
    // The exit code is the program's own.
    let fails = |command: &mut Command, words: &str| {
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(words), "{}: {text}", output.status);
    };
    fails(Command::new(programs.join("nestling-device")).arg("no-such-command"), "no-such-command");
    fails(&mut Command::new(programs.join("nestling")), "the trainer is not installed");
}

#[test]
#[ignore = "trains for minutes"]
fn the_trainer_starts_beside_torch_and_the_page_trains_slices_and_plots() {
    let folder = tempfile::tempdir().unwrap();
    let wheels = wheels(&folder.path().join("wheels"), Some(&trainer()));
    let both = [wheel(&wheels, "nestling-"), wheel(&wheels, "nestling_trainer-")];
    let programs = installed(folder.path(), &both);
    let without = Command::new(programs.join("nestling")).arg("--version").output().unwrap();
    let words = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(!without.status.success() && words.contains("pip install 'torch==2.11.*'"), "{words}");
    install_torch(&programs);
    let version = printed(Command::new(programs.join("nestling")).arg("--version"));
    assert_eq!(version.trim(), concat!("nestling-train ", env!("CARGO_PKG_VERSION")));

    // Matplotlib and NumPy are of another environment; the package and the programs are the installed ones.
    let find = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let packages = printed(Command::new(equipped_python()).args(["-c", find]));
    let mut page = Command::new(programs.join("python"));
    page.arg(root().join("examples/python/train_and_slice.py")).current_dir(folder.path());
    page.env("PYTHONPATH", packages.trim()).env("MPLBACKEND", "Agg").env_remove("NESTLING_PAGE_BUNDLE");
    let text = printed(&mut page);
    assert!(text.contains("wrote pareto.png") && !text.contains("the bundle was given"), "{text}");
    assert!(fs::read(folder.path().join("pareto.png")).unwrap().starts_with(b"\x89PNG"));
}
