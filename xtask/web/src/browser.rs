//! A headless Chromium, driven over the pipe of its DevTools protocol.
//!
//! Unix only: the browser reads commands from its file descriptor 3 and writes answers to 4, each ended by a zero byte.
//! A shell connects two named pipes to them.

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The usual names of the program.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Without a window, a network of its own, or another adapter than the software one; the camera is a test pattern.
const FLAGS: [&str; 14] = [
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-unsafe-webgpu",
    "--enable-webgpu-developer-features",
    "--use-webgpu-adapter=swiftshader",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--remote-debugging-pipe",
];

/// The program: the one that `NESTLING_CHROMIUM` names, or the first of the usual names.
pub fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("NESTLING_CHROMIUM") {
        return Some(named.into());
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|path| path.is_file())
}

/// A browser with one page. It ends when this is dropped.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    commands: File,
    answers: Receiver<Value>,
    page: String,
    next_id: u64,
    /// Messages of the page's console and errors that nothing caught.
    pub console: Vec<String>,
    _folder: TempDir,
}

impl Browser {
    /// Starts the browser with an empty page.
    ///
    /// # Errors
    /// If there is none or it does not start.
    pub fn start() -> Result<Self> {
        let program =
            find().context("there is no Chromium: run `cargo xtask setup --web`, or set NESTLING_CHROMIUM")?;
        let folder = tempfile::tempdir().context("cannot make a folder")?;
        let [to, from] = ["to", "from"].map(|name| folder.path().join(name));
        let made = Command::new("mkfifo").args([&to, &from]).status().context("cannot start `mkfifo`")?;
        ensure!(made.success(), "`mkfifo` failed");
        let log = File::create(folder.path().join("log")).context("cannot write a log")?;
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$0" "$@" 3<"$TO" 4>"$FROM""#]).arg(&program).args(FLAGS);
        command.arg(format!("--user-data-dir={}", folder.path().join("profile").display())).arg("about:blank");
        command.env("TO", &to).env("FROM", &from).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let process = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        // Each waits until the shell has opened its end.
        let commands = OpenOptions::new().write(true).open(&to).context("cannot open a pipe to the browser")?;
        let answers = listen(File::open(&from).context("cannot open a pipe from the browser")?);
        let mut browser =
            Self { process, commands, answers, page: String::new(), next_id: 0, console: Vec::new(), _folder: folder };
        browser.attach()?;
        Ok(browser)
    }

    fn attach(&mut self) -> Result<()> {
        let wait = Duration::from_secs(60);
        let made = self.call_browser("Target.createTarget", json!({"url": "about:blank"}), wait)?;
        let attach = json!({"targetId": made["targetId"], "flatten": true});
        let session = self.call_browser("Target.attachToTarget", attach, wait)?;
        self.page = session["sessionId"].as_str().context("the browser has no page")?.to_owned();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            self.call(domain, json!({}), wait)?;
        }
        Ok(())
    }

    /// Calls a method of the DevTools protocol on the page and waits for its answer.
    ///
    /// # Errors
    /// If the browser refuses, ends or does not answer in time.
    #[allow(clippy::needless_pass_by_value, reason = "callers write `json!` in place")]
    pub fn call(&mut self, method: &str, parameters: Value, wait: Duration) -> Result<Value> {
        let message = json!({"method": method, "params": parameters, "sessionId": self.page});
        self.send(method, message, wait)
    }

    /// As [`Browser::call`], on the browser as a whole.
    ///
    /// # Errors
    /// As [`Browser::call`].
    #[allow(clippy::needless_pass_by_value, reason = "callers write `json!` in place")]
    pub fn call_browser(&mut self, method: &str, parameters: Value, wait: Duration) -> Result<Value> {
        self.send(method, json!({"method": method, "params": parameters}), wait)
    }

    fn send(&mut self, method: &str, mut message: Value, wait: Duration) -> Result<Value> {
        self.next_id += 1;
        message["id"] = json!(self.next_id);
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).with_context(|| format!("{method}: the browser has ended"))?;
        let deadline = Instant::now() + wait;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = match self.answers.recv_timeout(left) {
                Ok(answer) => answer,
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{method}: no answer in {wait:?}; the console said: {:#?}", self.console)
                }
                Err(RecvTimeoutError::Disconnected) => bail!("{method}: the browser has ended"),
            };
            if answer["id"] == self.next_id {
                let refused = answer["error"]["message"].as_str();
                return refused.map_or_else(|| Ok(answer["result"].clone()), |why| Err(anyhow!("{method}: {why}")));
            }
            self.note(&answer);
        }
    }

    /// Keeps what a page says.
    fn note(&mut self, event: &Value) {
        let parameters = &event["params"];
        match event["method"].as_str().unwrap_or_default() {
            "Runtime.consoleAPICalled" => {
                let words: Vec<String> = parameters["args"].as_array().into_iter().flatten().map(word).collect();
                self.console.push(format!("{}: {}", parameters["type"].as_str().unwrap_or_default(), words.join(" ")));
            }
            "Runtime.exceptionThrown" => {
                self.console.push(format!("uncaught: {}", parameters["exceptionDetails"]));
            }
            "Log.entryAdded" => {
                let entry = &parameters["entry"];
                let part = |key: &str| entry[key].as_str().unwrap_or_default();
                self.console.push(format!("{}: {} {}", part("level"), part("text"), part("url")).trim_end().to_owned());
            }
            _ => {}
        }
    }

    /// Opens an address and waits until it is loaded.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub fn open(&mut self, url: &str) -> Result<()> {
        let wait = Duration::from_secs(30);
        let outcome = self.call("Page.navigate", json!({"url": url}), wait)?;
        if let Some(error) = outcome["errorText"].as_str() {
            bail!("{url}: {error}");
        }
        let loaded =
            "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', () => done()))";
        self.evaluate(loaded, wait).map(drop)
    }

    /// The value of an expression in the page; of a promise, what it brings.
    ///
    /// # Errors
    /// If it throws, or is not there in time.
    pub fn evaluate(&mut self, expression: &str, wait: Duration) -> Result<Value> {
        let parameters = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let outcome = self.call("Runtime.evaluate", parameters, wait)?;
        if let Some(details) = outcome.get("exceptionDetails") {
            let text = details["exception"]["description"].as_str().or_else(|| details["text"].as_str());
            bail!("the page failed: {}\nits console: {:#?}", text.unwrap_or("an exception"), self.console);
        }
        Ok(outcome["result"]["value"].clone())
    }
}

/// An argument of the console as it shows it.
fn word(argument: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    argument.get("value").map_or_else(|| text(&argument["description"]), text)
}

/// Reads answers and events on a thread of its own.
fn listen(pipe: File) -> Receiver<Value> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for message in BufReader::new(pipe).split(0).map_while(Result::ok) {
            let Ok(message) = serde_json::from_slice(&message) else { continue };
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked first, so that it ends its helpers too.
        let _ = self.call_browser("Browser.close", json!({}), Duration::from_secs(5));
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if let Ok(Some(_)) = self.process.try_wait() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
