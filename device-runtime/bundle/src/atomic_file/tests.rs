use super::*;
use crate::format::MAGIC;
use std::path::PathBuf;

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_failed_write_keeps_the_old_file_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    write_atomically(&path, |file| file.write_all(b"old")).unwrap();
    let full = |file: &mut dyn Write| file.write_all(b"new").and(Err(io::ErrorKind::StorageFull.into()));
    let error = write_atomically(&path, full).unwrap_err();
    assert!(error.to_string().contains("an older file of that name is untouched"), "{error}");
    assert_eq!((error.code(), error.path()), ("file_write", &*path));
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn a_folder_is_no_file_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("taken"), b"kept").unwrap();
    for (path, remedy) in [
        (folder.path().to_owned(), "name a file in that folder"),
        (PathBuf::from("/"), "name a file in that folder"),
        (at("new/"), "name a file in that folder"),
        (at("none/file"), "make its folder first"),
        (at("taken/file"), "a part of its folder is a file"),
        (PathBuf::new(), "names no file; give another name"),
        (at(&"n".repeat(300)), "give another name"),
    ] {
        for error in
            [check_writable(&path).unwrap_err(), write_atomically(&path, |file| file.write_all(b"x")).unwrap_err()]
        {
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
            assert!(error.to_string().contains(remedy), "{error}");
        }
    }
    assert_eq!((names(folder.path()).len(), fs::read(at("taken")).unwrap()), (1, b"kept".to_vec()));
}

#[test]
fn a_check_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("n".repeat(250)));
    fs::write(&old, b"old").unwrap();
    for path in [&old, &new] {
        check_writable(path).unwrap();
        assert_eq!(names(folder.path()), ["old"]);
    }
    // The temporary name is not longer than names may be.
    write_atomically(&new, |file| file.write_all(b"new")).unwrap();
    assert_eq!((fs::read(&old).unwrap(), names(folder.path()).len()), (b"old".to_vec(), 2));
}

#[test]
fn outputs_that_would_destroy_each_other_or_an_input_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let roundabout = folder.path().join("../").join(folder.path().file_name().unwrap()).join("a");
    let check = |outputs: &[&Path], inputs: &[&Path]| {
        check_outputs(outputs.iter().copied(), inputs.iter().copied()).map_err(|error| error.to_string())
    };
    assert_eq!(check(&[&a, &b], &[]), Ok(()));
    assert!(check(&[&a, &b, &roundabout], &[]).unwrap_err().contains("two outputs have this name"));
    fs::write(&a, b"input").unwrap();
    assert!(check(&[&b, &roundabout], &[&a]).unwrap_err().contains("it is also an input"));
    assert_eq!(check(&[&b], &[&a, &a]), Ok(()));
    assert!(check(&[&b, &folder.path().join("none/c")], &[]).unwrap_err().contains("none/c"));
    // A folder stands for what lies in it already.
    assert!(check(&[&a], &[folder.path()]).unwrap_err().contains("it is also an input"));
    assert_eq!(check(&[&b], &[folder.path()]), Ok(()));
    fs::write(&b, "<!DOCTYPE html>").unwrap();
    assert_eq!(check(&[&b], &[folder.path()]), Ok(()));
    // Bundles are for their own writers.
    fs::write(&b, [MAGIC.as_slice(), b"..."].concat()).unwrap();
    assert!(check(&[&b], &[]).unwrap_err().contains("it is a bundle, which would be lost; name another file"));
    check_bundle_output(&b, [folder.path()]).unwrap();
    assert!(check_bundle_output(&b, [&*b]).is_err() && check_bundle_output(&a, [folder.path()]).is_err());
}

#[test]
fn a_file_without_an_end_and_a_folder_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    fs::write(&path, "abc").unwrap();
    assert_eq!(read_text(&path, 3).unwrap(), "abc");
    let kind = |path: &Path, limit| read_text(path, limit).unwrap_err().kind();
    assert_eq!(kind(&path, 2), io::ErrorKind::FileTooLarge);
    assert_eq!(kind(folder.path(), 9), io::ErrorKind::IsADirectory);
    assert_eq!(kind(&folder.path().join("none"), 9), io::ErrorKind::NotFound);
    fs::write(&path, b"\xff").unwrap();
    assert_eq!(kind(&path, 9), io::ErrorKind::InvalidData);
    #[cfg(unix)]
    assert_eq!(kind(Path::new("/dev/zero"), 1000), io::ErrorKind::FileTooLarge);
}

#[test]
fn a_file_a_folder_and_what_is_not_there_yet_are_not_written_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    assert!(!is_written_in_place(&file));
    fs::write(&file, b"old").unwrap();
    assert!(!is_written_in_place(&file) && !is_written_in_place(folder.path()));
}

#[test]
fn many_writers_leave_one_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    // A killed process left this.
    let left = folder.path().join("file.0.tmp");
    fs::write(&left, b"half").unwrap();
    std::thread::scope(|scope| {
        for writer in 0..8u8 {
            let path = &path;
            scope.spawn(move || {
                for _ in 0..20 {
                    write_atomically(path, |file| (0..100).try_for_each(|_| file.write_all(&[writer; 1000]))).unwrap();
                }
            });
        }
    });
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.len() == 100_000 && bytes.iter().all(|&byte| byte == bytes[0]));
    assert_eq!(
        (names(folder.path()), fs::read(&left).unwrap()),
        (vec!["file".into(), "file.0.tmp".into()], b"half".to_vec())
    );
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::process::Command;

    #[test]
    fn a_link_stays_and_its_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("elsewhere")).unwrap();
        symlink("elsewhere/file", path("link")).unwrap();
        for text in ["one", "two"] {
            write_atomically(&path("link"), |file| file.write_all(text.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(path("elsewhere/file")).unwrap(), text);
            assert_eq!(fs::read_link(path("link")).unwrap(), Path::new("elsewhere/file"));
        }
        assert_eq!((names(folder.path()).len(), names(&path("elsewhere")).len()), (2, 1));
        symlink("circle", path("circle")).unwrap();
        assert!(write_atomically(&path("circle"), |file| file.write_all(b"x")).is_err());
    }

    #[test]
    fn a_replaced_file_keeps_its_permissions_and_a_new_one_has_the_usual() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        fs::write(path("usual"), b"").unwrap();
        write_atomically(&path("new"), |file| file.write_all(b"x")).unwrap();
        assert_eq!(mode(&path("new")), mode(&path("usual")));
        symlink("file", path("link")).unwrap();
        fs::write(path("file"), b"old").unwrap();
        for kept in [0o640, 0o600, 0o666, 0o755] {
            fs::set_permissions(path("file"), fs::Permissions::from_mode(kept)).unwrap();
            for name in ["file", "link"] {
                let owner = fs::metadata(path("file")).unwrap();
                write_atomically(&path(name), |file| {
                    // Nobody reads the new contents before it has the permissions of the old ones.
                    let temporary = names(folder.path()).into_iter().find(|name| name.ends_with(".tmp")).unwrap();
                    assert_eq!(mode(&path(&temporary)), kept);
                    file.write_all(b"new")
                })
                .unwrap();
                let now = fs::metadata(path("file")).unwrap();
                assert_eq!((mode(&path("file")), now.uid(), now.gid()), (kept, owner.uid(), owner.gid()));
            }
        }
    }

    /// Write protection and read-only folders bind everybody but the administrator, who may write both.
    #[test]
    fn a_protected_file_is_refused_and_stays() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let is_administrator = fs::metadata("/proc/self").map_or(1, |process| process.uid()) == 0;
        assert_eq!(check_writable(&path).is_ok(), is_administrator);
        assert_eq!(write_atomically(&path, |file| file.write_all(b"new")).is_ok(), is_administrator);
        let kept: &[u8] = if is_administrator { b"new" } else { b"old" };
        assert_eq!(fs::read(&path).unwrap(), kept);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o444);
    }

    #[test]
    fn a_check_of_a_pipe_or_a_device_does_not_wait_for_a_reader() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, socket) = (folder.path().join("pipe"), folder.path().join("socket"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let null = Path::new("/dev/null");
        check_outputs([&*pipe, null, null], [null]).unwrap();
        assert!(replaced_file(&pipe).is_none() && !is_standard_output(&pipe));
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(check_writable(&socket).unwrap_err().to_string().contains("it is a socket"));
    }

    #[test]
    fn a_pipe_is_written_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let reader = std::thread::spawn({
            let path = path.clone();
            move || {
                let mut bytes = Vec::new();
                File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
                bytes
            }
        });
        assert!(is_written_in_place(&path));
        write_atomically(&path, |file| file.write_all(b"through the pipe")).unwrap();
        assert_eq!(reader.join().unwrap(), b"through the pipe");
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
        assert_eq!(names(folder.path()), ["pipe"]);
    }

    #[test]
    fn a_device_behind_a_link_is_written_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("link");
        symlink("/dev/null", &path).unwrap();
        write_atomically(&path, |file| file.write_all(b"gone")).unwrap();
        assert_eq!(fs::read_link(&path).unwrap(), Path::new("/dev/null"));
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn standard_output_is_known_by_all_its_names() {
        for name in ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"] {
            assert!(is_standard_output(Path::new(name)) && is_written_in_place(Path::new(name)), "{name}");
            check_writable(Path::new(name)).unwrap();
        }
        for name in ["/dev/stderr", "/dev/null", "/dev/fd/0"] {
            assert!(!is_standard_output(Path::new(name)), "{name}");
            assert_eq!(is_standard_error(Path::new(name)), name == "/dev/stderr");
        }
    }

    /// A file that a shell opened for reading would grow by the output.
    #[cfg(target_os = "linux")]
    #[test]
    fn standard_input_is_not_written() {
        for name in ["/dev/stdin", "/proc/self/fd/0", "/dev/fd/0"] {
            assert!(is_written_in_place(Path::new(name)), "{name}");
            let errors = [
                check_writable(Path::new(name)).unwrap_err(),
                write_atomically(Path::new(name), |file| file.write_all(b"x")).unwrap_err(),
            ];
            for error in errors {
                assert!(
                    error.to_string().contains("it is standard input, which is only read; name another"),
                    "{error}"
                );
            }
        }
    }

    /// Standard output of a process, here of a shell's file descriptor, may be a file: it is not replaced either.
    #[cfg(target_os = "linux")]
    #[test]
    fn an_open_file_of_a_process_is_written_in_place() {
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        let mut file = File::create(folder.path().join("output")).unwrap();
        file.write_all(b"before, ").unwrap();
        let link = folder.path().join("stdout");
        symlink(format!("/proc/self/fd/{}", file.as_raw_fd()), &link).unwrap();
        assert!(is_written_in_place(&link));
        let message = check_outputs([&*link], [&*folder.path().join("output")]).unwrap_err().to_string();
        assert!(message.contains("it is also an input"), "{message}");
        write_atomically(&link, |file| file.write_all(b"after")).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("output")).unwrap(), "before, after");
        assert_eq!(names(folder.path()), ["output", "stdout"]);
    }
}
