import { describe, expect, it } from "vitest";
import { ago, bytes, percent, rows } from "../src/parts/format";
import { literal } from "../src/parts/same";

describe("numbers", () => {
  it("are sizes with a unit", () => {
    expect([0, 8192, 1536, 5 * 1024 ** 3].map(bytes)).toEqual(["0 B", "8.0 kB", "1.5 kB", "5.0 GB"]);
    expect(bytes(null)).toBe("–");
  });

  it("are rounded rows and fractions", () => {
    expect(rows(1234567)).toBe("1.23M");
    expect([0, 0.001, 0.5].map(percent)).toEqual(["0 %", "<1 %", "50 %"]);
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
