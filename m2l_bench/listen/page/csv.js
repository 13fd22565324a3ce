"use strict";
/* Answers as a CSV file (RFC 4180) to download. Nothing is sent anywhere. */

/** Writes rows with the same keys as CSV; the keys of the first row are the header. A text that a spreadsheet would take
 * for a formula gets an apostrophe in front, which `spreadsheet_value` in text.py takes away. */
function csvText(rows) {
  const isFormula = (value) => typeof value === "string" && /^'*[=+\-@\t\r]/.test(value) && isNaN(value);
  const text = (value) => (isFormula(value) ? `'${value}` : String(value));
  const quoted = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const cell = (value) => quoted(text(value));
  const line = (values) => values.map(cell).join(",") + "\r\n";
  return line(Object.keys(rows[0])) + rows.map((row) => line(Object.values(row))).join("");
}

function downloadLink(rows, name) {
  const file = new Blob([csvText(rows)], { type: "text/csv" });
  return element("a", { href: URL.createObjectURL(file), download: name, class: "primary" }, "Download the answers (CSV)");
}
