import { describe, expect, it } from "vitest";
import { deltas, line, rates, shown } from "../src/monitoring/figures";

describe("a value of a panel", () => {
  it("is shown by the unit that its column names", () => {
    expect(shown(8192, "kept_bytes")).toBe("8.0 kB");
    expect(shown("16777216", "limit_bytes")).toBe("16 MB");
    expect(shown(75.3, "xact_seconds")).toBe("1 min 15 s");
    expect(shown(123456, "pid")).toBe("123456");
    expect(shown(123456, "calls")).toBe("123,456");
    expect([shown(null, "x"), shown(false, "x"), shown("idle", "state")]).toEqual(["", "no", "idle"]);
  });
});

describe("statements", () => {
  const row = (query_id: number, calls: number, total_ms: number) => ({
    role: "r",
    query_id,
    calls,
    total_ms,
    query: "q",
  });

  it("have what has come since, the most first; what is new counts whole, and a reset counts nothing", () => {
    const found = deltas([row(1, 9, 90), row(2, 7, 500), row(3, 1, 60)], [row(1, 5, 80), row(2, 10, 900)], "total_ms");
    expect(found.map((one) => [one.query_id, one.since_then_calls, one.since_then_ms])).toEqual([
      [3, 1, 60],
      [1, 4, 10],
      [2, 0, 0],
    ]);
  });
});

describe("a line", () => {
  it("fills its box", () => {
    expect(line([0, 5, 10], 100, 10)).toBe("0.0,10.0 50.0,5.0 100.0,0.0");
    expect(line([], 100, 10)).toBe("");
  });

  it("of rates survives a counter that starts anew", () => {
    expect(rates([10, 30, 5], [0, 10, 20])).toEqual([2, 0]);
  });
});
