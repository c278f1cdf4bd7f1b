import { describe, expect, it } from "vitest";
import { find, idOf, read, sections, target } from "../src/learn/markdown";

describe("a page", () => {
  it("has sections with the identifiers that links use", () => {
    const found = sections(read("# One\n## IDB01: invalid `migration`\n```\n# no heading\n```\n## Two, three"));
    expect(found.map(({ id }) => id)).toEqual(["one", "idb01-invalid-migration", "two-three"]);
    expect(idOf("What is refused?")).toBe("what-is-refused");
  });

  it("leads to pages of the console, or out of it", () => {
    expect(target("errors.md#idb01", "x")).toEqual({ page: "errors", section: "idb01" });
    expect(target("../demo/story.md", "x")).toEqual({ page: "story", section: null });
    expect(target("#here", "errors")).toEqual({ page: "errors", section: "here" });
    expect(target("README.md", "x")?.page).toBe("contents");
    expect(target("recipes/README.md", "x")).toBeNull();
    expect(target("javascript:alert(1)", "x")).toBeNull();
    expect(target("https://example.org/a.md", "x")).toBeNull();
  });

  it("is searched by words, with its sections", () => {
    const text = "# Page\n## Claims\nA claim of a column.\n```\n# claim in code\n```\n";
    const found = find("page", text, ["claim"], 9);
    expect(found[0]).toMatchObject({ page: "page", line: "Claims" });
    expect(found.map(({ section }) => section?.id)).toEqual(["claims", "claims", "claims"]);
    expect(find("page", text, ["claim", "nothing"], 9)).toEqual([]);
  });
});
