//! XLSX: the cells that are used, whatever size the sheet says that it has.

use std::io::Cursor;

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx, XlsxError};
use serde_json::{Number, Value};

use super::table::{MAX_CELLS, Sheet, too_many_cells};
use super::{Body, Content, Read, Unreadable};

const MAX_SHEETS: usize = 200;

/// Which sheets are read.
pub(super) enum Wanted<'a> {
    First,
    Named(&'a str),
    All,
}

type Workbook<'a> = Xlsx<Cursor<&'a [u8]>>;

pub(super) fn read(bytes: &[u8], wanted: &Wanted<'_>) -> Read<Content> {
    let mut workbook: Workbook<'_> = Xlsx::new(Cursor::new(bytes)).map_err(explain)?;
    let names = workbook.sheet_names();
    let names = match wanted {
        Wanted::First => names.into_iter().take(1).collect(),
        Wanted::All => names,
        Wanted::Named(name) if names.iter().any(|known| known == name) => vec![(*name).to_owned()],
        Wanted::Named(name) => {
            let known: Vec<String> =
                names.iter().take(20).map(|name| format!("{name:?}")).collect();
            let message = format!("there is no sheet {name:?}, but {}", known.join(", "));
            return Err(Unreadable::new("document_no_sheet", message));
        }
    };
    if names.len() > MAX_SHEETS {
        return Err(Unreadable::too_large(format!("the workbook has over {MAX_SHEETS} sheets")));
    }
    let mut room = MAX_CELLS;
    let mut sheets = Vec::new();
    for name in names {
        let rows = match cells(&mut workbook, &name, &mut room) {
            Ok(cells) => in_rows(cells, &mut room)?,
            Err(Stop::Full) => return Err(too_many_cells()),
            // Charts are sheets, too.
            Err(Stop::Failed(XlsxError::NotAWorksheet(_))) => continue,
            Err(Stop::Failed(error)) => return Err(explain(error)),
        };
        sheets.push(Sheet { name: Some(name), rows });
    }
    Ok(Content { title: None, body: Body::Sheets(sheets) })
}

/// A row and a column, and what stands there.
type Cell = ((usize, usize), Value);

enum Stop {
    Full,
    Failed(XlsxError),
}

/// Returns the used cells of a sheet with their rows and columns.
fn cells(workbook: &mut Workbook<'_>, name: &str, room: &mut usize) -> Result<Vec<Cell>, Stop> {
    let mut reader = workbook.worksheet_cells_reader(name).map_err(Stop::Failed)?;
    let mut found = Vec::new();
    while let Some(cell) = reader.next_cell().map_err(Stop::Failed)? {
        let value = value_of(cell.get_value());
        if value.is_null() {
            continue;
        }
        *room = room.checked_sub(1).ok_or(Stop::Full)?;
        let (row, column) = cell.get_position();
        found.push(((row as usize, column as usize), value));
    }
    Ok(found)
}

/// Lays the cells out, from the first used row and column on.
fn in_rows(cells: Vec<Cell>, room: &mut usize) -> Read<Vec<Vec<Value>>> {
    let positions = || cells.iter().map(|(position, _)| *position);
    let (Some(top), Some(bottom)) =
        (positions().map(|(row, _)| row).min(), positions().map(|(row, _)| row).max())
    else {
        return Ok(Vec::new());
    };
    let left = positions().map(|(_, column)| column).min().unwrap_or_default();
    let right = positions().map(|(_, column)| column).max().unwrap_or_default();
    let (height, width) = (bottom - top + 1, right - left + 1);
    // Two cells in opposite corners of a sheet would be 17 billion.
    let total = height.saturating_mul(width);
    *room = room.checked_sub(total).ok_or_else(too_many_cells)?;
    let mut rows = vec![vec![Value::Null; width]; height];
    for ((row, column), value) in cells {
        rows[row - top][column - left] = value;
    }
    Ok(rows)
}

fn value_of(cell: &DataRef<'_>) -> Value {
    match cell {
        DataRef::Int(number) => Value::from(*number),
        DataRef::Float(number) => of_float(*number),
        DataRef::String(text) => Value::from(text.as_str()),
        DataRef::SharedString(text) => Value::from(*text),
        DataRef::Bool(value) => Value::from(*value),
        DataRef::DateTime(time) => of_time(time),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Value::from(text.as_str()),
        DataRef::Error(error) => Value::from(error.to_string()),
        DataRef::Empty => Value::Null,
    }
}

/// Excel knows no whole numbers, but people do.
fn of_float(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// A date as `2026-11-27`, with its time if it has one; a duration in days.
fn of_time(time: &ExcelDateTime) -> Value {
    let days = time.as_f64();
    if time.is_duration() || !(0.0..2_958_466.0).contains(&days) {
        return of_float(days);
    }
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    let clock = format!("{hour:02}:{minute:02}:{second:02}");
    match (days < 1.0, clock == "00:00:00") {
        (true, _) => Value::from(clock),
        (false, true) => Value::from(date),
        (false, false) => Value::from(format!("{date}T{clock}")),
    }
}

fn explain(error: XlsxError) -> Unreadable {
    match error {
        XlsxError::Password => Unreadable::protected("workbook"),
        other => Unreadable::damaged("workbook", other),
    }
}
