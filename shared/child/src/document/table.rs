//! Tables: rows of cells, of a workbook or of CSV.

use csv::{ReaderBuilder, Trim};
use serde_json::{Map, Value};

use super::{Read, Unreadable};

/// Cells with those that are empty.
pub(super) const MAX_CELLS: usize = 1_000_000;
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// The delimiter is found in this many lines.
const GUESSED_LINES: usize = 10;

pub(super) struct Sheet {
    pub(super) name: Option<String>,
    pub(super) rows: Vec<Vec<Value>>,
}

impl Sheet {
    /// Returns a list of lists, or of objects with the fields that the first row names.
    pub(super) fn into_rows(self, header: bool) -> Value {
        let mut rows = self.rows.into_iter();
        if !header {
            return rows.map(Value::Array).collect();
        }
        let names = rows.next().map(|first| field_names(&first)).unwrap_or_default();
        rows.map(|row| {
            let mut cells = row.into_iter();
            let fields =
                names.iter().map(|name| (name.clone(), cells.next().unwrap_or(Value::Null)));
            let mut fields: Map<String, Value> = fields.collect();
            // A row may be longer than the first.
            fields.extend(
                cells
                    .enumerate()
                    .map(|(index, cell)| (format!("column{}", names.len() + index + 1), cell)),
            );
            Value::Object(fields)
        })
        .collect()
    }
}

/// Names that are empty or there already get their column's number.
fn field_names(first: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for (index, cell) in first.iter().enumerate() {
        let name = shown(cell).trim().to_owned();
        let mut name = if name.is_empty() { format!("column{}", index + 1) } else { name };
        while !known.insert(name.clone()) {
            name = format!("{name}_{}", index + 1);
        }
        names.push(name);
    }
    names
}

/// Reads CSV with any of the usual delimiters. Rows may have different lengths.
pub(super) fn of_csv(text: &str) -> Read<Sheet> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::None)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    let (mut rows, mut cells) = (Vec::new(), 0);
    for record in reader.records() {
        let record = record.map_err(|error| Unreadable::damaged("table", error))?;
        cells += record.len();
        if cells > MAX_CELLS {
            return Err(too_many_cells());
        }
        rows.push(record.iter().map(Value::from).collect());
    }
    Ok(Sheet { name: None, rows })
}

pub(super) fn too_many_cells() -> Unreadable {
    Unreadable::too_large(format!("the table has more than {MAX_CELLS} cells"))
}

/// The delimiter that stands in the first lines most evenly, outside quotes.
fn delimiter(text: &str) -> u8 {
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.is_empty()).take(GUESSED_LINES).collect();
    let fit = |delimiter: u8| {
        let counts: Vec<usize> = lines.iter().map(|line| count(line, delimiter)).collect();
        let (least, most) = (counts.iter().min().copied(), counts.iter().max().copied());
        (least == most && most > Some(0), most)
    };
    let best = DELIMITERS.into_iter().rev().max_by_key(|delimiter| fit(*delimiter));
    best.filter(|best| fit(*best).1 > Some(0)).unwrap_or(b',')
}

fn count(line: &str, delimiter: u8) -> usize {
    let mut quoted = false;
    let is_outside = |byte: &u8| {
        quoted ^= *byte == b'"';
        *byte == delimiter && !quoted
    };
    line.as_bytes().iter().copied().filter(is_outside).count()
}

/// Returns each sheet as text. Several begin with their names.
pub(super) fn texts(sheets: Vec<Sheet>, markdown: bool) -> Vec<String> {
    let named = sheets.len() > 1;
    sheets
        .into_iter()
        .map(|sheet| {
            let mut text = String::new();
            if let Some(name) = sheet.name.filter(|_| named) {
                text.push_str(if markdown { "## " } else { "" });
                text.push_str(&name);
                text.push_str("\n\n");
            }
            for (index, cells) in sheet.rows.iter().enumerate() {
                let cells: Vec<String> = cells.iter().map(shown).collect();
                text.push_str(&row(&cells, markdown, index == 0));
                text.push('\n');
            }
            text.trim_end().to_owned()
        })
        .collect()
}

/// Returns a row as text with tabs, or as Markdown; the first row with the line below it.
pub(super) fn row(cells: &[String], markdown: bool, is_first: bool) -> String {
    if !markdown {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace(['\t', '\n'], " ")).collect();
        return cells.join("\t").trim_end().to_owned();
    }
    let cells: Vec<String> =
        cells.iter().map(|cell| cell.replace('\n', " ").replace('|', "\\|")).collect();
    let mut text = format!("| {} |", cells.join(" | "));
    if is_first {
        text.push_str(&format!("\n|{}", " --- |".repeat(cells.len())));
    }
    text
}

fn shown(cell: &Value) -> String {
    match cell {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn csv_is_read_with_its_delimiter() {
        let check = |text: &str, expected: Value| {
            assert_eq!(of_csv(text).unwrap().into_rows(false), expected, "{text}");
        };
        check("a,b\n1,2\n", json!([["a", "b"], ["1", "2"]]));
        check("a;b\n\"1,5\";2", json!([["a", "b"], ["1,5", "2"]]));
        check("a\tb, c\n1\t2", json!([["a", "b, c"], ["1", "2"]]));
        check("a|b\n1|2", json!([["a", "b"], ["1", "2"]]));
        check("a\n1", json!([["a"], ["1"]]));
        check(
            "a,b\n\"x\ny\",\"say \"\"hi\"\"\"\n3",
            json!([["a", "b"], ["x\ny", "say \"hi\""], ["3"]]),
        );
        assert!(of_csv(&",".repeat(MAX_CELLS + 1)).is_err());
    }

    #[test]
    fn the_first_row_names_the_fields() {
        let rows = of_csv("a,,a\n1,2,3,4\n5").unwrap().into_rows(true);
        let expected = json!([
            {"a": "1", "column2": "2", "a_3": "3", "column4": "4"},
            {"a": "5", "column2": null, "a_3": null}
        ]);
        assert_eq!(rows, expected);
    }

    #[test]
    fn tables_become_text() {
        let sheet = || of_csv("a,b\nx|y,\n").unwrap();
        assert_eq!(texts(vec![sheet()], false), ["a\tb\nx|y"]);
        assert_eq!(texts(vec![sheet()], true), ["| a | b |\n| --- | --- |\n| x\\|y |  |"]);
    }
}
