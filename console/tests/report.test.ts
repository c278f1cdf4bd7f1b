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
    expect(row).toBe("| reporter | claims | expected a \\| column @\u200bteam &lt;img&gt; | keep it |");
  });

  it("takes no markup from the names in a message", () => {
    const message = 'column "a\\|b" ![x](https://evil.example/p.png) [y](javascript:z) `c` www.evil.example';
    const text = markdown("SELECT 1", [{ ...CLAIM, problems: [{ message }], hint: "- 1" }]);
    expect(text).toContain(
      'column "a\\\\\\|b" !\\[x\\](https:\u200b//evil.example/p.png) \\[y\\](javascript:z) \\`c\\` www\u200b.evil.example | \\- 1 |',
    );
  });

  it("says that what is waived refuses nothing", () => {
    const waived = { ...CLAIM, problems: [{ message: "gone", allowed: "waived" }] };
    expect(markdown("SELECT 1", [waived])).toContain("**This migration passes:");
    expect(markdown("SELECT 1", [waived, CLAIM])).toContain("it breaks 1 claim.**");
  });

  it("fences a text that contains fences", () => {
    expect(markdown("SELECT '```'", [])).toContain("````sql\nSELECT '```'\n````");
  });
});
