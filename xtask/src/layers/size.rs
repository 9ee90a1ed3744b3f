//! Lines of a file and of its functions.

use super::test_code::{attributes, is_test_only};
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use std::collections::BTreeSet;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, ImplItem, ImplItemFn, Item, ItemFn, Signature, TraitItem, TraitItemFn};

/// How long a file is.
pub struct Sizes {
    /// All lines, as an editor numbers them.
    pub lines: usize,
    /// Lines that are not blank, hold more than a comment and are not compiled for tests only.
    pub code_lines: usize,
    /// The longest function and its lines, from its signature to its closing brace.
    pub longest_function: Option<(String, usize)>,
}

/// Measures a file.
pub fn measure(text: &str, syntax: &syn::File) -> Sizes {
    let mut walk = Walk::default();
    walk.visit_file(syntax);
    let lines: Vec<&str> = text.lines().collect();
    let mut code = BTreeSet::new();
    // The parser has accepted the text, so that it consists of tokens.
    if let Ok(tokens) = text.parse() {
        mark(tokens, &lines, &mut code);
    }
    code.retain(|line| !lines.get(line - 1).is_none_or(|line| line.trim().is_empty()));
    for span in walk.tests {
        code.retain(|line| !(span.start().line..=span.end().line).contains(line));
    }
    Sizes { lines: lines.len(), code_lines: code.len(), longest_function: walk.longest }
}

/// Marks the lines of all tokens but those of documentation comments.
fn mark(tokens: TokenStream, lines: &[&str], code: &mut BTreeSet<usize>) {
    for token in tokens {
        let first = match &token {
            TokenTree::Punct(punct) => Some(punct.as_char()),
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => Some('['),
            _ => None,
        };
        // `/// text` is read as `#[doc = " text"]`, whose tokens all lie on the comment.
        if first.is_some_and(|first| character(token.span(), lines) != Some(first)) {
            continue;
        }
        match token {
            TokenTree::Group(group) => {
                code.extend([group.span_open().start().line, group.span_close().end().line]);
                mark(group.stream(), lines, code);
            }
            other => code.extend(other.span().start().line..=other.span().end().line),
        }
    }
}

/// The character at which a span starts.
fn character(span: Span, lines: &[&str]) -> Option<char> {
    lines.get(span.start().line.checked_sub(1)?)?.chars().nth(span.start().column)
}

#[derive(Default)]
struct Walk {
    tests: Vec<Span>,
    longest: Option<(String, usize)>,
}

impl Walk {
    fn function(&mut self, signature: &Signature, body: &Block) {
        let lines = body.span().end().line + 1 - signature.span().start().line;
        if self.longest.as_ref().is_none_or(|longest| lines > longest.1) {
            self.longest = Some((signature.ident.to_string(), lines));
        }
    }
}

impl<'ast> Visit<'ast> for Walk {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test_only(attributes(item)) {
            self.tests.push(item.span());
        } else {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        match item {
            ImplItem::Fn(function) if is_test_only(&function.attrs) => self.tests.push(item.span()),
            _ => visit::visit_impl_item(self, item),
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        match item {
            TraitItem::Fn(function) if is_test_only(&function.attrs) => self.tests.push(item.span()),
            _ => visit::visit_trait_item(self, item),
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }
}
