import { describe, expect, it } from "vitest";
import { markdown, type UnmetClaim } from "../src/lab/report";

const CLAIM: UnmetClaim = {
  claim_id: 1,
  stakeholder: "reporter",
  kind: "claims",
  path: "shop.orders",
  problems: [{ message: "expected a | column\n@team <img>" }],
  hint: "keep it",
};

describe("the comment for a pull request", () => {
  it("says that nothing breaks", () => {
    expect(markdown("SELECT 1", [])).toContain("**This migration breaks no claim.**");
  });

  it("has a row for each claim, in which nothing becomes a cell, a mention or HTML", () => {
    const row = markdown("SELECT 1", [CLAIM])
      .split("\n")
      .find((line) => line.includes("reporter"));
    expect(row).toBe("| reporter | claims | expected a \\| column @\u200bteam &lt;img> | keep it |");
  });

  it("fences a text that contains fences", () => {
    expect(markdown("SELECT '```'", [])).toContain("````sql\nSELECT '```'\n````");
  });
});
