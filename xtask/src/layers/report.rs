//! The structure as JSON and as tables.

use super::edges::Edge;
use super::{Measured, Structure};
use serde_json::{Value, json};

/// The document of `--json`.
pub fn document(structure: &Structure, measured: &Measured) -> Value {
    let crates = structure.crates.iter().map(|one| {
        json!({
            "name": one.name,
            "lines": one.lines,
            "public_items": one.surface.public_items,
            "error_types": one.surface.error_types,
        })
    });
    let edge = |edge: &Edge| json!({ "from": edge.from, "to": edge.to, "file": edge.file, "line": edge.line, "text": edge.text });
    let function = |one: &super::Longest| json!({ "name": one.name, "file": one.file, "lines": one.lines });
    let file = |one: &super::Longest| json!({ "file": one.file, "lines": one.lines });
    json!({
        "crates": crates.collect::<Vec<_>>(),
        "cycles": structure.cycles,
        "wrong_way_edges": structure.wrong_way.as_ref().map(|all| all.iter().map(edge).collect::<Vec<_>>()),
        "longest_function": structure.longest_function.as_ref().map(function),
        "longest_file": structure.longest_file.as_ref().map(file),
        "lower_biggest_table1_us": measured.lower_biggest_table1_us,
        "wasm_check": measured.wasm_check,
    })
}

/// The tables for a terminal.
pub fn print(structure: &Structure, measured: &Measured) {
    println!("{:20} {:>7} {:>13} {:>12}", "crate", "lines", "public items", "error types");
    for one in &structure.crates {
        let (items, errors) = (one.surface.public_items, one.surface.error_types);
        println!("{:20} {:>7} {items:>13} {errors:>12}", one.name, one.lines);
    }
    let count = |known: Option<usize>| known.map_or("unknown".to_owned(), |count| count.to_string());
    println!("\ncycles           {}", count(structure.cycles.as_ref().map(Vec::len)));
    println!("wrong-way edges  {}", count(structure.wrong_way.as_ref().map(Vec::len)));
    if let Some(one) = &structure.longest_function {
        println!("longest function {} lines: {} in {}", one.lines, one.name, one.file);
    }
    if let Some(one) = &structure.longest_file {
        println!("longest file     {} lines: {}", one.lines, one.file);
    }
    if let Some(figure) = measured.lower_biggest_table1_us {
        println!("lowering         {figure:.1} us for the biggest child of Table 1");
    }
    if let Some(passes) = measured.wasm_check {
        println!("WebAssembly      {}", if passes { "compiles" } else { "does not compile" });
    }
}

/// One wrong use in words.
pub fn line(edge: &Edge) -> String {
    format!("{}:{}: `{}` may not use `{}`: {}", edge.file, edge.line, edge.from, edge.to, edge.text)
}
