import { CompletionContext } from "@codemirror/autocomplete";
import { EditorState } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import { complete } from "../src/stakeholders/completion";
import { relation } from "./relations";

const RELATIONS = [relation("shop.orders", ["id", "status"]), relation("shop.customers", ["id", "email"])];

/** What is offered where the text has a |. */
function offered(text: string): string[] {
  const at = text.indexOf("|");
  const state = EditorState.create({ doc: text.replace("|", "") });
  return complete(new CompletionContext(state, at, true), RELATIONS)?.options.map((option) => option.label) ?? [];
}

describe("completion", () => {
  it("offers tables and whole schemas after path", () => {
    expect(offered("match:\n  - path: |")).toEqual(["shop.orders", "shop.customers", "shop.*"]);
    expect(offered('{"match": [{"path": "sh|')).toContain("shop.orders");
  });

  it("offers the columns of the table that stands before", () => {
    const text = "match:\n  - path: shop.orders\n  - path: shop.customers\n    fields: [|";
    expect(offered(text).slice(0, 2)).toEqual(["id", "email"]);
  });

  it("offers properties elsewhere", () => {
    expect(offered("|")).toContain("match");
    expect(offered("match:\n  - path: shop.orders\n    opt|")).toContain("optional");
  });
});
