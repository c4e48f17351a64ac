//! Documents that the tests make, good and hostile.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use ::zip::ZipWriter;
use ::zip::write::SimpleFileOptions;
use flate2::Compression;
use flate2::write::ZlibEncoder;

/// A PDF with one line of text on each page.
pub(crate) fn pdf(pages: &[&str]) -> Vec<u8> {
    let contents = pages.iter().map(|text| {
        let stream = format!("BT /F1 12 Tf 72 720 Td ({text}) Tj ET");
        format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()).into_bytes()
    });
    pdf_of(contents.collect())
}

/// A PDF with one page, whose compressed content is this many spaces.
pub(crate) fn pdf_bomb(bytes: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let piece = vec![b' '; 1 << 20];
    for _ in 0..bytes >> 20 {
        encoder.write_all(&piece).unwrap();
    }
    let stream = encoder.finish().unwrap();
    let head = format!("<< /Filter /FlateDecode /Length {} >>\nstream\n", stream.len());
    pdf_of(vec![[head.as_bytes(), &stream, b"\nendstream"].concat()])
}

fn pdf_of(contents: Vec<Vec<u8>>) -> Vec<u8> {
    let count = contents.len();
    let font = 3 + 2 * count;
    let kids: String = (0..count).map(|index| format!("{} 0 R ", 3 + 2 * index)).collect();
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Kids [{kids}] /Count {count} >>").into_bytes(),
    ];
    for (index, content) in contents.into_iter().enumerate() {
        let page = format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {} 0 R /Resources << \
             /Font << /F1 {font} 0 R >> >> >>",
            4 + 2 * index
        );
        objects.extend([page.into_bytes(), content]);
    }
    objects.push(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec());
    objects.push(b"<< /Title (The title) >>".to_vec());
    let mut pdf = b"%PDF-1.4\n".to_vec();
    let mut table = String::new();
    for (index, object) in objects.iter().enumerate() {
        let _ = writeln!(table, "{:010} 00000 n ", pdf.len());
        pdf.extend(format!("{} 0 obj\n", index + 1).bytes());
        pdf.extend(object);
        pdf.extend(b"\nendobj\n");
    }
    let (start, size) = (pdf.len(), objects.len() + 1);
    let end = format!(
        "xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R \
         /Info {} 0 R >>\nstartxref\n{start}\n%%EOF",
        size - 1
    );
    pdf.extend(end.bytes());
    pdf
}

pub(crate) fn zip(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A DOCX with this XML in the place of its document.
pub(crate) fn docx_of(xml: &str) -> Vec<u8> {
    let core = "<c xmlns:dc='d'><dc:title>Q &amp; A</dc:title></c>";
    zip(&[("[Content_Types].xml", "<x/>"), ("word/document.xml", xml), ("docProps/core.xml", core)])
}

pub(crate) fn docx(body: &str) -> Vec<u8> {
    docx_of(&format!("<w:document xmlns:w='w'><w:body>{body}</w:body></w:document>"))
}

pub(crate) fn paragraph(style: &str, text: &str) -> String {
    format!("<w:p><w:pPr>{style}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>")
}

/// A workbook with these sheets, each a name and its rows in XML.
pub(crate) fn xlsx(sheets: &[(&str, &str)], shared_strings: &str) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    let (mut listed, mut related) = (String::new(), String::new());
    let mut parts: Vec<(String, String)> = Vec::new();
    for (index, (name, rows)) in sheets.iter().enumerate() {
        let _ = write!(listed, "<sheet name='{name}' sheetId='{index}' r:id='r{index}'/>");
        let _ = write!(
            related,
            "<Relationship Id='r{index}' Type='{RELATIONS}/worksheet' \
             Target='worksheets/sheet{index}.xml'/>"
        );
        let sheet = format!("<worksheet xmlns='{MAIN}'><sheetData>{rows}</sheetData></worksheet>");
        parts.push((format!("xl/worksheets/sheet{index}.xml"), sheet));
    }
    let workbook = format!(
        "<workbook xmlns='{MAIN}' xmlns:r='{RELATIONS}'><sheets>{listed}</sheets></workbook>"
    );
    parts.push(("xl/workbook.xml".to_owned(), workbook));
    let relations =
        |inner: &str| format!("<Relationships xmlns='{PACKAGE}'>{inner}</Relationships>");
    parts.push(("xl/_rels/workbook.xml.rels".to_owned(), relations(&related)));
    let root = format!(
        "<Relationship Id='r' Type='{RELATIONS}/officeDocument' Target='xl/workbook.xml'/>"
    );
    parts.push(("_rels/.rels".to_owned(), relations(&root)));
    parts.push(("xl/sharedStrings.xml".to_owned(), shared_strings.replace("MAIN", MAIN)));
    let parts: Vec<(&str, &str)> =
        parts.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect();
    zip(&parts)
}
