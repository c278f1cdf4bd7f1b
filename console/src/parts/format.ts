// Numbers and times as people read them.

const SIZES = ["B", "kB", "MB", "GB", "TB"];

export function bytes(number: number | null): string {
  if (number === null) return "–";
  let size = number;
  let unit = 0;
  while (size >= 1024 && unit < SIZES.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size >= 10 || unit === 0 ? Math.round(size) : size.toFixed(1)} ${SIZES[unit]}`;
}

const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

export function rows(number: number | null): string {
  return number === null ? "–" : COMPACT.format(number);
}

export function percent(fraction: number): string {
  if (fraction > 0 && fraction < 0.01) return "<1 %";
  return `${Math.round(fraction * 100)} %`;
}

export function ago(time: string, now: number = Date.now()): string {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  for (const [unit, length] of [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
  ] as const) {
    const number = Math.floor(seconds / length);
    if (number >= 1) return `${number} ${unit}${number === 1 ? "" : "s"} ago`;
  }
  return "just now";
}

/** A text of a database in a cell or paragraph of Markdown, where nothing in it is markup, a link or a mention. */
export function cell(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .trim()
    .replaceAll(/[\\`*_[\]|#~]/g, "\\$&")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("@", "@\u200b")
    .replaceAll("://", ":\u200b//")
    .replaceAll(/\bwww\./gi, (www) => `${www.slice(0, 3)}\u200b.`)
    .replace(/^([-+=])/, "\\$1")
    .replace(/^(\d+)([.)])/, "$1\\$2");
}

const DECIMAL = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export function decimal(number: number): string {
  return DECIMAL.format(number);
}

export function duration(seconds: number): string {
  if (seconds < 59.95) return `${decimal(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
