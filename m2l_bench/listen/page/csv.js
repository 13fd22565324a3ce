"use strict";
/* Answers as a CSV file (RFC 4180) to download. Nothing is sent anywhere. */

/** Writes rows with the same keys as CSV; the keys of the first row are the header. */
function csvText(rows) {
  const cell = (value) => (/[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  const line = (values) => values.map(cell).join(",") + "\r\n";
  return line(Object.keys(rows[0])) + rows.map((row) => line(Object.values(row))).join("");
}

function downloadLink(rows, name) {
  const file = new Blob([csvText(rows)], { type: "text/csv" });
  return element("a", { href: URL.createObjectURL(file), download: name, class: "primary" }, "Download the answers (CSV)");
}
