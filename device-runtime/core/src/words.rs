//! Lists in messages.

/// `a, b or c`.
pub(crate) fn any_of<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let mut names: Vec<T> = names.into_iter().collect();
    let Some(last) = names.pop() else { return String::new() };
    let before: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    if before.is_empty() { last.as_ref().to_owned() } else { format!("{} or {}", before.join(", "), last.as_ref()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_any_length_read_well() {
        assert_eq!(any_of([""; 0]), "");
        assert_eq!(any_of(["a"]), "a");
        assert_eq!(any_of(["a", "b"]), "a or b");
        assert_eq!(any_of(["a", "b", "c"]), "a, b or c");
    }
}
