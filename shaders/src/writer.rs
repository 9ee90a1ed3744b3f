use std::fmt::Display;

/// `base + offset`, or `base` alone where the offset is zero; `unit` is `u` for unsigned numbers.
pub(crate) fn plus(base: impl Display, offset: u32, unit: &str) -> String {
    if offset == 0 { base.to_string() } else { format!("{base} + {offset}{unit}") }
}

/// Writes indented WGSL.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    text: String,
    depth: usize,
}

impl Writer {
    /// One line.
    pub(crate) fn line(&mut self, line: impl Display) {
        let line = line.to_string();
        if !line.is_empty() {
            self.text.extend(std::iter::repeat_n("    ", self.depth));
        }
        self.text.push_str(&line);
        self.text.push('\n');
    }

    /// Lines that are indented as if this were their left edge.
    pub(crate) fn lines(&mut self, lines: &str) {
        lines.lines().for_each(|line| self.line(line));
    }

    /// A comment of one line.
    pub(crate) fn comment(&mut self, comment: impl Display) {
        self.line(format_args!("// {comment}"));
    }

    /// `head {`, the indented body, `}`.
    pub(crate) fn block(&mut self, head: impl Display, body: impl FnOnce(&mut Self)) {
        self.lines(&format!("{head} {{"));
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.line("}");
    }

    /// `head`, the indented items with a comma each, `tail`.
    pub(crate) fn list(
        &mut self,
        head: impl Display,
        items: impl IntoIterator<Item = impl Display>,
        tail: impl Display,
    ) {
        self.line(head);
        self.depth += 1;
        items.into_iter().for_each(|item| self.line(format_args!("{item},")));
        self.depth -= 1;
        self.line(tail);
    }

    /// The function `input_at`, which two generators call.
    pub(crate) fn input_at(&mut self) {
        self.comment("A pixel of an input row; zero beside the image.");
        self.block("fn input_at(row_start: u32, column: i32) -> vec4<f32>", |to| {
            to.line("let last_column = i32(layer.input_width) - 1;");
            to.line("let value = source[row_start + u32(clamp(column, 0, last_column))];");
            to.line("return select(vec4<f32>(), value, column >= 0 && column <= last_column);");
        });
        self.line("");
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}
