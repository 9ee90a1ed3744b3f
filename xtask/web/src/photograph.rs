//! Screenshots of the example, for the README.

use crate::browser::Browser;
use crate::pack::site_folder;
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Most bytes of a picture.
const MAX_BYTES: usize = 150_000;

const WAIT: Duration = Duration::from_secs(30);

/// A window, in CSS pixels.
struct Window {
    name: &'static str,
    width: u32,
    /// Most of the page's height that is shown.
    height: u32,
    /// Device pixels of each.
    scale: f64,
    is_phone: bool,
}

const WINDOWS: [Window; 2] = [
    Window { name: "desktop", width: 1180, height: 2000, scale: 1.0, is_phone: false },
    Window { name: "phone", width: 390, height: 1620, scale: 1.5, is_phone: true },
];

/// Waits until everything was measured; returns what the page says then.
const READY: &str = "nestlingExample.ready.then(() => document.getElementById('status').textContent)";

/// Photographs the example in every window, light and dark, into `docs/web`.
///
/// # Errors
/// If the site was not built, the page fails, or a picture is too large.
pub fn all(root: &Path) -> Result<()> {
    let site = site_folder(root);
    ensure!(site.is_dir(), "{} is missing: run `cargo xtask web`", site.display());
    let folder = root.join("docs/web");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let server = Server::start(vec![site], 0)?;
    for window in WINDOWS {
        let mut browser = Browser::start()?;
        let metrics = json!({
            "width": window.width, "height": 900, "deviceScaleFactor": window.scale, "mobile": window.is_phone
        });
        browser.call("Emulation.setDeviceMetricsOverride", metrics, WAIT)?;
        browser.open(&server.url("index.html"))?;
        let status = browser.evaluate(READY, Duration::from_secs(240))?;
        ensure!(status == "Ready.", "the page is not ready: {status}");
        for scheme in ["light", "dark"] {
            let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
            browser.call("Emulation.setEmulatedMedia", media, WAIT)?;
            let bytes = picture(&mut browser, &window)?;
            let path = folder.join(format!("{}-{scheme}.webp", window.name));
            ensure!(bytes.len() <= MAX_BYTES, "{} has {} bytes, and may have {MAX_BYTES}", path.display(), bytes.len());
            fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
            println!("{}: {:.0} KB", path.display(), bytes.len() as f64 / 1e3);
        }
    }
    Ok(())
}

/// The page as it is, from its top.
fn picture(browser: &mut Browser, window: &Window) -> Result<Vec<u8>> {
    let page = browser.evaluate("document.documentElement.scrollHeight", WAIT)?;
    let height = page.as_u64().context("the page has no height")?.min(u64::from(window.height));
    let clip = json!({"x": 0, "y": 0, "width": window.width, "height": height, "scale": 1});
    let parameters = json!({"format": "webp", "quality": 75, "captureBeyondViewport": true, "clip": clip});
    let outcome = browser.call("Page.captureScreenshot", parameters, WAIT)?;
    decode(outcome["data"].as_str().context("the browser took no picture")?)
}

/// Bytes of base64.
fn decode(text: &str) -> Result<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::with_capacity(text.len() * 3 / 4), 0_u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => anyhow::bail!("the browser's picture is not base64"),
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn base64_is_read() {
        assert_eq!(decode("UklGRg==").unwrap(), b"RIFF");
        assert_eq!(decode("").unwrap(), b"");
        assert_eq!(decode("/+8A").unwrap(), [0xff, 0xef, 0]);
        assert!(decode("no spaces").is_err());
    }
}
