//! How commands treat the files that they write, and those that are there already.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{Place, fail, json, nestling, succeed};
use nestling_bundle::Bundle;
use std::path::Path;
use std::process::Stdio;

/// Each of them has a later fault too, which would be told instead if the work began first.
#[test]
fn a_folder_that_is_missing_or_read_only_is_told_before_any_work() {
    let place = Place::new();
    let (bundle, foreign) = (place.init("my.nestling"), place.path("space.toml"));
    let (bundle, foreign) = (bundle.to_string_lossy(), foreign.to_string_lossy());
    let none = place.path("none");
    let mut folders = vec![(none.to_string_lossy(), "make its folder first")];
    if cfg!(target_os = "linux") {
        // Nobody makes files there, not even the administrator.
        folders.push(("/sys".into(), "a folder that you may write to"));
    }
    for (folder, remedy) in &folders {
        let output = format!("{folder}/out");
        for arguments in [
            &["import", "--weights", &foreign, "--output", &output][..],
            &["init", "--space", &foreign, "--child", "smallest", "--output", &output],
            &["export", &bundle, "--child", "smallest", "--golden", "--picture", &foreign, "--output", &output],
            &["latency", "add", &bundle, &foreign, "--output", &output],
            &["report", "--demo", "/nowhere", "--output", &output],
        ] {
            let message = fail(&mut nestling(arguments));
            assert!(message.contains(&format!("cannot write {output}: ")), "{arguments:?}: {message}");
            assert!(message.contains(remedy), "{arguments:?}: {message}");
        }
    }
    if let Some((folder, _)) = folders.get(1) {
        let run = format!("{folder}/run");
        let message = fail(&mut nestling(["train", "--run", &run, "--data", "/nowhere"]));
        assert!(message.contains(&run), "{message}");
        let message = fail(&mut nestling(["images", "--data", "/nowhere", "--output", folder]));
        assert!(message.contains(&format!("cannot write {folder}/")), "{message}");
    }
    assert!(!none.exists());
}

#[test]
fn a_trained_bundle_is_replaced_by_its_own_run_only_or_when_asked() {
    let place = Place::new();
    for run in ["one", "two"] {
        let mut train = place.train(run);
        succeed(if run == "two" { train.args(["--seed", "2"]) } else { &mut train });
        succeed(&mut place.search(run));
    }
    // The bundle lies beside its run by default.
    let packed = json(&mut place.step("pack", "one"));
    let own = place.path("one/fashion.nestling");
    assert_eq!(packed["bundle"], own.display().to_string());
    let first = std::fs::read(&own).unwrap();
    succeed(&mut place.step("pack", "one"));
    assert!(
        place.names("one").contains(&"packed.json".to_owned())
            && !place.names("one").contains(&".nestling-lock".to_owned())
    );

    let message = fail(place.step("pack", "two").arg("--output").arg(&own));
    assert!(message.contains("which would be lost") && message.contains("--replace"), "{message}");
    let message = fail(nestling(["init", "--space", "fashion", "--output"]).arg(&own));
    assert!(message.contains("which would be lost"), "{message}");
    assert!(!place.path("two/fashion.nestling").exists());
    assert_eq!(std::fs::read(&own).unwrap(), first);

    // The run goes on, and its older bundle still is its own.
    succeed(place.train("one").args(["--epochs", "2"]));
    succeed(&mut place.search("one"));
    succeed(&mut place.step("pack", "one"));
    assert_ne!(std::fs::read(&own).unwrap(), first);
    // Without the list the weights tell.
    std::fs::remove_file(place.path("one/packed.json")).unwrap();
    succeed(place.step("pack", "one").args(["--weight-storage", "int8"]));
    succeed(place.step("pack", "two").arg("--replace").arg("--output").arg(&own));
    let notes = place.path("notes.txt");
    std::fs::write(&notes, "my notes").unwrap();
    assert!(fail(place.step("pack", "two").arg("--output").arg(&notes)).contains("cannot read as a bundle"));
    assert_eq!(std::fs::read(&notes).unwrap(), b"my notes");
}

#[test]
fn a_bundle_of_random_weights_is_replaced_freely_but_its_latency_tables_stay() {
    let place = Place::new();
    let bundle = place.init("my.nestling");
    let profile = place.profile(&bundle, "Made-up 1");
    succeed(nestling(["latency", "add"]).arg(&bundle).arg(&profile));
    place.init("my.nestling");
    assert_eq!(Bundle::open(&bundle).unwrap().manifest().latency_tables.len(), 1);
    let output = succeed(nestling(["init", "--space", "fashion", "--output"]).arg(&bundle));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("1 latency tables of") && message.contains("are not kept"), "{message}");
}

#[test]
fn an_output_that_is_also_an_input_or_another_output_is_refused() {
    let place = Place::new();
    let bundle = place.init("my.nestling");
    let (profile, before) = (place.profile(&bundle, "Made-up 1"), std::fs::read(&bundle).unwrap());
    let message = fail(nestling(["export", "--child", "smallest", "--output"]).arg(&bundle).arg(&bundle));
    assert!(message.contains("it is also an input"), "{message}");
    let message = fail(nestling(["latency", "add"]).arg(&bundle).arg(&profile).arg("--output").arg(&profile));
    assert!(message.contains("it is also an input"), "{message}");
    let mut twice = nestling(["export", "--child", "smallest", "--golden"]);
    twice.arg(&bundle).arg("--picture").arg(place.path("a.png")).arg("--picture").arg(place.path("data/a.png"));
    let message = fail(twice.current_dir(place.path("")));
    assert!(message.contains("two outputs have this name"), "{message}");
    assert_eq!(std::fs::read(&bundle).unwrap(), before);
}

/// Commands print about what they wrote, but never into it, and read nothing back that cannot be read twice.
#[cfg(target_os = "linux")]
#[test]
fn standard_output_pipes_and_devices_hold_the_written_bytes_alone() {
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
    let place = Place::new();
    let bundle = place.init("my.nestling");
    let plain = place.path("plain.onnx");
    let export = |output: &Path| {
        let mut command = nestling(["export", "--child", "smallest", "--output"]);
        command.arg(output).arg(&bundle);
        command
    };
    succeed(&mut export(&plain));
    let expected = std::fs::read(&plain).unwrap();
    // A file that the shell opened, and a pipe.
    let redirected = place.path("redirected");
    let file = std::fs::File::create(&redirected).unwrap();
    assert!(export(Path::new("/dev/stdout")).stdout(file).stderr(Stdio::null()).status().unwrap().success());
    assert!(std::fs::read(&redirected).unwrap() == expected);
    let output = succeed(export(Path::new("/dev/fd/1")).arg("--json").stdout(Stdio::piped()));
    assert!(output.stdout == expected);
    let document: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(document["files"][0]["bytes"], expected.len());

    let (pipe, link) = (place.path("pipe"), place.path("link"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let read = |pipe: &Path| {
        let pipe = pipe.to_owned();
        std::thread::spawn(move || std::fs::read(pipe).unwrap())
    };
    let reader = read(&pipe);
    succeed(&mut export(&pipe));
    assert!(reader.join().unwrap() == expected);
    let reader = read(&pipe);
    succeed(nestling(["init", "--space", "fashion", "--output"]).arg(&pipe));
    assert!(Bundle::from_bytes(&reader.join().unwrap()).is_ok());
    let reader = read(&pipe);
    let profile = place.profile(&bundle, "Made-up 1");
    let added = json(nestling(["latency", "add"]).arg(&bundle).arg(&profile).arg("--output").arg(&pipe));
    assert_eq!((Bundle::from_bytes(&reader.join().unwrap()).is_ok(), &added["tables"]), (true, &1.into()));
    assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());

    // The file behind a link is replaced, and keeps its permissions.
    symlink("plain.onnx", &link).unwrap();
    std::fs::write(&plain, "old").unwrap();
    std::fs::set_permissions(&plain, std::fs::Permissions::from_mode(0o640)).unwrap();
    succeed(&mut export(&link));
    assert_eq!(std::fs::read_link(&link).unwrap(), Path::new("plain.onnx"));
    assert!(std::fs::read(&plain).unwrap() == expected);
    assert_eq!(std::fs::metadata(&plain).unwrap().mode() & 0o777, 0o640);
    succeed(&mut export(Path::new("/dev/null")));
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    assert!(
        place.names("").iter().all(|name| !name.contains(".tmp") && !name.contains(".old") && !name.contains("lock"))
    );
}
