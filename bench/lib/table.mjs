/** Tables for the terminal, and numbers short enough for them. */

/** Prints rows under their headers: the first column to the left, and of the others those that hold words. */
export function printTable(title, headers, rows) {
  const cells = [headers, ...rows.map((row) => row.map((cell) => (cell === null ? "-" : String(cell))))];
  const widths = headers.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const isNumeric = headers.map(
    (_, column) => column > 0 && rows.every((row) => row[column] === null || /^[-\d.]/.test(row[column])),
  );
  const line = (row) =>
    row.map((cell, k) => (isNumeric[k] ? cell.padStart(widths[k]) : cell.padEnd(widths[k]))).join("  ");
  console.log(`\n${title}`);
  console.log(line(cells[0]));
  console.log(widths.map((width) => "-".repeat(width)).join("  "));
  for (const row of cells.slice(1)) console.log(line(row));
}

/** Three significant digits, without an exponent. */
export function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return null;
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value === 0 ? "0" : Number(value.toPrecision(3)).toString();
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
