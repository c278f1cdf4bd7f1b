import { describe, expect, it } from "vitest";
import { ago, bytes, duration, percent, rows } from "../src/parts/format";
import { literal } from "../src/parts/quoting";

describe("numbers", () => {
  it("are sizes with a unit", () => {
    expect([0, 8192, 1536, 5 * 1024 ** 3].map(bytes)).toEqual(["0 B", "8.0 kB", "1.5 kB", "5.0 GB"]);
    expect(bytes(null)).toBe("–");
  });

  it("are rounded rows and fractions", () => {
    expect(rows(1234567)).toBe("1.23M");
    expect([0, 0.001, 0.5].map(percent)).toEqual(["0 %", "<1 %", "50 %"]);
  });

  it("are durations whose parts never reach the next unit", () => {
    expect([0.25, 59.96, 119.7, 7199, 7322].map(duration)).toEqual([
      "0.3 s",
      "1 min 0 s",
      "2 min 0 s",
      "2 h 0 min",
      "2 h 2 min",
    ]);
  });

  it("are times that have passed", () => {
    const now = Date.parse("2026-01-02T00:00:00Z");
    expect(ago("2026-01-01T00:00:00Z", now)).toBe("1 day ago");
    expect(ago("2026-01-01T22:59:00Z", now)).toBe("1 hour ago");
    expect(ago("2026-01-02T00:00:05Z", now)).toBe("just now");
  });
});

describe("a literal of SQL", () => {
  it("doubles quotes and escapes backslashes", () => {
    expect(literal("it's")).toBe("'it''s'");
    expect(literal("a\\b")).toBe("E'a\\\\b'");
  });
});
