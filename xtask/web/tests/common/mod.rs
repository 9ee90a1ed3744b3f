//! A browser on pages of this machine's server.

#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "only tests call this")]

use nestling_web_tool::browser::Browser;
use nestling_web_tool::{pack, server::Server};
use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A server of the site, the pages of the tests, and `more`.
pub fn server(more: &[&Path]) -> Server {
    let site = pack::site_folder(&root());
    assert!(site.is_dir(), "{} is missing: run `cargo xtask web`", site.display());
    let mut folders = vec![site, root().join("xtask/web/tests/pages")];
    folders.extend(more.iter().map(|folder| folder.to_path_buf()));
    Server::start(folders, 0).unwrap()
}

/// A browser on a page.
pub fn browser(page: &str, more: &[&Path]) -> (Browser, Server) {
    let server = server(more);
    let mut browser = Browser::start().unwrap();
    browser.open(&server.url(page)).unwrap();
    (browser, server)
}
