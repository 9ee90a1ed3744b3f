//! A web server for this machine only: it answers on the loopback address and reads nothing but its folders.

use anyhow::{Context, Result};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Most bytes of a request's head.
const MAX_HEAD: u64 = 64 << 10;

/// The policy that docs/web.md asks of a page (an import map is inline), and what makes a browser's clock fine.
const HEADERS: &str = "Content-Security-Policy: default-src 'self'; img-src 'self' data:; \
    script-src 'self' 'wasm-unsafe-eval' 'unsafe-inline'\r\n\
    Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Embedder-Policy: require-corp\r\n";

/// Longest pause within a file.
const MAX_PAUSE: Duration = Duration::from_secs(20);

/// A server that runs until the process ends. It sends so many bytes of a file that is asked for with `?pause=BYTES`,
/// and the rest once somebody asks for `resume`; with `?break=BYTES` it hangs up in their place once somebody asks for
/// `hang-up`: a slow and a broken network for tests.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
}

/// The state that all connections share.
struct Shared {
    folders: Vec<PathBuf>,
    asked: Mutex<Asked>,
    is_asked: Condvar,
}

/// The requests so far.
#[derive(Default)]
struct Asked {
    resume: bool,
    hang_up: bool,
}

impl Server {
    /// Serves the folders, the first that has a file wins. Port 0 takes any that is free.
    ///
    /// # Errors
    /// If the port is taken.
    pub fn start(folders: Vec<PathBuf>, port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("port {port} of this machine cannot be opened; name another one"))?;
        let address = listener.local_addr().context("the server has no address")?;
        let shared = Arc::new(Shared { folders, asked: Mutex::default(), is_asked: Condvar::new() });
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A browser that hangs up is no fault.
                thread::spawn(move || answer(stream, &shared).ok());
            }
        });
        Ok(Self { address })
    }

    /// The address of a file.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }
}

fn answer(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut head = BufReader::new(stream.try_clone()?.take(MAX_HEAD));
    let mut request = String::new();
    head.read_line(&mut request)?;
    let mut line = String::new();
    while head.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut words = request.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_order = ["/resume", "/hang-up"].contains(&target);
    if is_order {
        let mut asked = shared.asked.lock().unwrap_or_else(PoisonError::into_inner);
        *(if target == "/resume" { &mut asked.resume } else { &mut asked.hang_up }) = true;
        shared.is_asked.notify_all();
    }
    let found = find(&shared.folders, target).and_then(|path| Some((fs::read(&path).ok()?, kind(&path))));
    let (status, kind, body) = match (method, found) {
        ("GET" | "HEAD", Some((body, kind))) => ("200 OK", kind, body),
        ("GET", None) if is_order => ("200 OK", "text/plain", b"done\n".to_vec()),
        // Browsers ask for it, sooner or later, on a page that names no icon.
        ("GET" | "HEAD", None) if target == "/favicon.ico" => ("204 No Content", "image/x-icon", Vec::new()),
        ("GET" | "HEAD", None) => ("404 Not Found", "text/plain", b"no such file\n".to_vec()),
        _ => ("405 Method Not Allowed", "text/plain", b"only GET\n".to_vec()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\n\
         {HEADERS}Connection: close\r\n\r\n",
        body.len()
    )?;
    if method == "GET" {
        let (pause, end) = (bytes_until(target, "?pause="), bytes_until(target, "?break="));
        let first = pause.or(end).unwrap_or(body.len()).min(body.len());
        stream.write_all(&body[..first])?;
        stream.flush()?;
        if first < body.len() {
            let asked = shared.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let waits = |asked: &mut Asked| !(asked.resume || end.is_some() && asked.hang_up);
            let waited = shared.is_asked.wait_timeout_while(asked, MAX_PAUSE, waits);
            if end.is_some() && !waited.unwrap_or_else(PoisonError::into_inner).0.resume {
                return Ok(());
            }
        }
        stream.write_all(&body[first..])?;
    }
    stream.flush()
}

/// Bytes before a pause or an end, if the target asks for it.
fn bytes_until(target: &str, key: &str) -> Option<usize> {
    target.split_once(key)?.1.parse().ok()
}

/// The file of a request's target; nothing outside of the folders.
fn find(folders: &[PathBuf], target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?.trim_start_matches('/');
    let path = Path::new(if path.is_empty() { "index.html" } else { path });
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    folders.iter().map(|folder| folder.join(path)).find(|path| path.is_file())
}

fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" | "webmanifest" => "application/json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "md" | "ts" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(server: &Server, request: &str) -> String {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn files_of_the_folders_are_served_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        for (folder, name, text) in
            [(&first, "index.html", "one"), (&second, "index.html", "two"), (&second, "a.js", "three")]
        {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join(name), text).unwrap();
        }
        fs::write(folder.path().join("secret.txt"), "secret").unwrap();
        let server = Server::start(vec![first, second], 0).unwrap();
        let page = get(&server, "GET /");
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("text/html") && page.ends_with("one"), "{page}");
        assert!(get(&server, "GET /a.js?x=1").ends_with("three"));
        assert!(get(&server, "HEAD /a.js").contains("Content-Length: 5\r\n"));
        assert!(get(&server, "POST /a.js").starts_with("HTTP/1.1 405"));
        // A page without an icon has no error in the browser's console.
        assert!(get(&server, "GET /favicon.ico").starts_with("HTTP/1.1 204"));
        for path in ["/../secret.txt", "/%2e%2e/secret.txt", "//../secret.txt", "/missing.js"] {
            let answer = get(&server, &format!("GET {path}"));
            assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        }
    }
}
