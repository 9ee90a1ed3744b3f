/// The first fault in a page's markup: an element that is not closed, or closed in the wrong order; a quote that is
/// open; a stray `>`. `None` if there is none: a test of every page should say so.
pub fn markup_fault(page: &str) -> Option<String> {
    let Some(mut rest) = page.strip_prefix("<!DOCTYPE html>") else { return Some("no document type".to_owned()) };
    let mut open: Vec<&str> = Vec::new();
    while let Some(start) = rest.find('<') {
        let shown: String = rest[start..].chars().take(60).collect();
        if rest[..start].contains('>') {
            return Some(format!("a stray > before {shown}"));
        }
        let Some(length) = rest[start..].find('>') else { return Some(format!("the tag never ends: {shown}")) };
        let tag = &rest[start + 1..start + length];
        if tag.matches('"').count() % 2 != 0 {
            return Some(format!("an open quote in <{tag}>"));
        }
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or_default();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return Some(format!("closes the wrong element: {shown}"));
            }
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = &rest[start + length + 1..];
    }
    open.pop().map(|name| format!("<{name}> is never closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_found() {
        let fault = |body: &str| markup_fault(&format!("<!DOCTYPE html>{body}"));
        assert_eq!(fault("<p class=\"x\">a<br />b</p>"), None);
        for (body, what) in [
            ("<p>", "never closed"),
            ("<p><b></p></b>", "wrong element"),
            ("<p title=\"></p>", "open quote"),
            ("a > b<br />", "stray"),
            ("<p", "never ends"),
        ] {
            assert!(fault(body).is_some_and(|fault| fault.contains(what)), "{body}: {:?}", fault(body));
        }
        assert!(markup_fault("<p></p>").is_some());
    }
}
