//! The example page: it works by keyboard, names everything for a screen reader, fits a phone, and says what to do
//! without WebGPU.
//!
//! `cargo xtask web` builds what is tested here.

#![allow(clippy::unwrap_used, reason = "a test's helpers may panic too")]

mod common;

use common::{browser, server};
use nestling_web_tool::browser::Browser;
use serde_json::{Value, json};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(120);

/// The page once everything was measured.
fn ready() -> Browser {
    let (mut browser, _server) = browser("index.html", &[]);
    browser.evaluate("nestlingExample.ready", WAIT).unwrap();
    assert_eq!(text(&mut browser, "status"), "Ready.");
    browser
}

fn text(browser: &mut Browser, id: &str) -> Value {
    browser.evaluate(&format!("document.getElementById('{id}').textContent"), WAIT).unwrap()
}

/// Waits until an expression holds.
fn until(browser: &mut Browser, expression: &str) {
    let script = format!(
        "new Promise((done, fail) => {{ const began = Date.now(); const look = () => ({expression}) ? done(true) \
         : Date.now() - began > 60000 ? fail(new Error({expression:?} + ' never held: ' + document.body.innerText)) \
         : setTimeout(look, 50); look(); }})"
    );
    browser.evaluate(&script, WAIT).unwrap();
}

fn press(browser: &mut Browser, key: &str, code: u32) {
    for kind in ["keyDown", "keyUp"] {
        let mut event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
        if key == "Enter" && kind == "keyDown" {
            event["text"] = json!("\r");
        }
        browser.call("Input.dispatchKeyEvent", event, WAIT).unwrap();
    }
}

const FOCUSED: &str = "(({id, ariaLabel, dataset}) => dataset.child ?? (id || ariaLabel))(document.activeElement)";

#[test]
fn everything_is_reached_and_done_by_keyboard() {
    let mut browser = ready();
    let mut order = Vec::new();
    for _ in 0..40 {
        press(&mut browser, "Tab", 9);
        let focused = browser.evaluate(FOCUSED, WAIT).unwrap().as_str().unwrap_or_default().to_owned();
        if focused.is_empty() || order.contains(&focused) {
            break;
        }
        order.push(focused);
    }
    for expected in ["file", "camera", "Example: coat", "budget", "smallest", "biggest"] {
        assert!(order.iter().any(|one| one == expected), "{expected} is not in {order:?}");
    }
    // Which child it is depends on the machine's load, but not that the page tells of one and why.
    let settled = "/keeps within|No child is that fast/.test(document.getElementById('choice').textContent)";
    let mut budgets = Vec::new();
    for (key, code) in [("Home", 36), ("ArrowRight", 39), ("End", 35)] {
        browser.evaluate("document.getElementById('budget').focus()", WAIT).unwrap();
        press(&mut browser, key, code);
        until(&mut browser, settled);
        budgets.push(browser.evaluate("nestlingExample.state.budget", WAIT).unwrap().as_f64().unwrap());
        until(
            &mut browser,
            "document.querySelector('tr.active th').textContent === document.getElementById('child').textContent",
        );
    }
    assert!(budgets.is_sorted_by(|one, next| one < next), "{budgets:?}");
    browser.evaluate("document.querySelector('[data-child=biggest]').focus()", WAIT).unwrap();
    press(&mut browser, "Enter", 13);
    until(&mut browser, "document.getElementById('child').textContent === 'biggest'");
    let before = text(&mut browser, "switches");
    browser.evaluate("document.querySelector('[data-child=smallest]').focus()", WAIT).unwrap();
    press(&mut browser, "Enter", 13);
    until(&mut browser, "document.getElementById('child').textContent === 'smallest'");
    until(&mut browser, "document.querySelectorAll('#layers tr').length > 5");
    assert_eq!(browser.evaluate(FOCUSED, WAIT).unwrap(), "smallest", "the focus stays on the button");
    assert_ne!(text(&mut browser, "switches"), before);
    assert_eq!(text(&mut browser, "bytes"), "0");
    assert!(text(&mut browser, "choice").as_str().unwrap().contains("0 GPU objects made"));
    assert!(browser.console.is_empty(), "{:#?}", browser.console);
}

#[test]
fn pictures_are_dropped_the_camera_is_watched_and_a_lost_gpu_is_told() {
    let mut browser = ready();
    let drop = "(async () => {
        const blob = await (await fetch('assets/sandal.png')).blob();
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([blob], 'sandal.png', { type: 'image/png' }));
        document.getElementById('drop').dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true }));
    })()";
    browser.evaluate(drop, WAIT).unwrap();
    until(&mut browser, "/^sandal/.test(document.getElementById('answer').textContent)");
    let wrong = drop.replace("assets/sandal.png", "app.js");
    browser.evaluate(&wrong, WAIT).unwrap();
    until(&mut browser, "/cannot decode/.test(document.getElementById('answer').textContent)");
    browser.evaluate("nestlingExample.lose()", WAIT).unwrap();
    browser.evaluate("document.querySelector('[aria-label=\"Example: bag\"]').click()", WAIT).unwrap();
    until(&mut browser, "/^bag/.test(document.getElementById('answer').textContent)");
    until(&mut browser, "/opened again. Ready/.test(document.getElementById('status').textContent)");
    browser.evaluate("document.getElementById('live').textContent = ''", WAIT).unwrap();
    let click = "document.getElementById('camera').click()";
    browser.evaluate(click, WAIT).unwrap();
    until(
        &mut browser,
        "document.getElementById('camera').ariaPressed === 'true' && !document.getElementById('video').hidden",
    );
    until(&mut browser, "/ms/.test(document.getElementById('live').textContent)");
    browser.evaluate(click, WAIT).unwrap();
    until(&mut browser, "document.getElementById('camera').ariaPressed === 'false'");
    // A second loss within a minute ends the runtime: the page begins again.
    browser.evaluate("nestlingExample.lose()", WAIT).unwrap();
    browser.evaluate("document.querySelector('[aria-label=\"Example: coat\"]').click()", WAIT).unwrap();
    let retry = "document.getElementById('retry')";
    until(&mut browser, &format!("!{retry}.hidden"));
    browser.evaluate(&format!("{retry}.click()"), WAIT).unwrap();
    until(&mut browser, "document.getElementById('status').textContent === 'Ready.'");
    assert_eq!(browser.evaluate(&format!("{retry}.hidden"), WAIT).unwrap(), true, "{:#?}", browser.console);
}

#[test]
fn a_screen_reader_has_a_name_for_every_control_and_a_phone_has_room() {
    let mut browser = ready();
    let tree = browser.call("Accessibility.getFullAXTree", json!({}), WAIT).unwrap();
    let controls = ["button", "slider", "progressbar", "image", "img", "table", "status", "columnheader", "rowheader"];
    let mut named = 0;
    for node in tree["nodes"].as_array().unwrap() {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        let is_hidden = node["ignored"] == true || role == "status";
        if controls.contains(&role) && !is_hidden {
            assert_ne!(node["name"]["value"].as_str().unwrap_or_default(), "", "{node}");
            named += 1;
        }
    }
    assert!(named > 30, "{named}");
    for width in [320, 390, 1180] {
        let metrics = json!({"width": width, "height": 800, "deviceScaleFactor": 2, "mobile": width < 500});
        browser.call("Emulation.setDeviceMetricsOverride", metrics, WAIT).unwrap();
        let wide = browser.evaluate("document.documentElement.scrollWidth", WAIT).unwrap();
        assert!(wide.as_u64().unwrap() <= width, "{wide} pixels in a window of {width}");
    }
    for scheme in ["light", "dark"] {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.call("Emulation.setEmulatedMedia", media, WAIT).unwrap();
        let least = browser.evaluate(CONTRAST, WAIT).unwrap();
        assert!(least["ratio"].as_f64().unwrap() >= 4.5, "{scheme}: {least}");
    }
}

/// The least contrast of a text and its ground, as WCAG defines it.
const CONTRAST: &str = "(() => {
    const style = getComputedStyle(document.documentElement);
    const light = name => {
        const hex = style.getPropertyValue(name).trim().slice(1);
        const wide = hex.length === 3 ? [...hex].map(one => one + one).join('') : hex;
        const [r, g, b] = [0, 2, 4].map(at => parseInt(wide.slice(at, at + 2), 16) / 255)
            .map(one => one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const pairs = [['--ink', '--paper'], ['--soft', '--paper'], ['--blue', '--paper'], ['--bad', '--paper'],
        ['--ink', '--tint'], ['--soft', '--tint'], ['--blue', '--tint'], ['--on-blue', '--blue']];
    const ratios = pairs.map(pair => {
        const [high, low] = pair.map(light).sort((a, b) => b - a);
        return { pair: pair.join(' on '), ratio: (high + 0.05) / (low + 0.05) };
    });
    return ratios.sort((a, b) => a.ratio - b.ratio)[0];
})()";

#[test]
fn without_webgpu_a_sentence_says_what_to_do() {
    let server = server(&[]);
    let mut browser = Browser::start().unwrap();
    let hide = json!({"source": "Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined })"});
    browser.call("Page.addScriptToEvaluateOnNewDocument", hide, WAIT).unwrap();
    browser.open(&server.url("index.html")).unwrap();
    browser.evaluate("nestlingExample.ready", WAIT).unwrap();
    let said = text(&mut browser, "status");
    let said = said.as_str().unwrap();
    assert!(said.contains("no WebGPU") && said.contains("Chrome") && said.contains("hardware acceleration"), "{said}");
    assert_eq!(browser.evaluate("document.getElementById('main').hidden", WAIT).unwrap(), true);
    let refused = "import('/nestling/index.js').then(all => all.open('x')).then(() => 'open', error => error.code)";
    assert_eq!(browser.evaluate(refused, WAIT).unwrap(), "no_webgpu");
}
