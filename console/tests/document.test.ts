import { describe, expect, it } from "vitest";
import { asJson, asYaml, read } from "../src/stakeholders/document";

const TEXT = `match:
  - path: shop.orders
    fields: [id, {name: note, optional: true}]
  - alternatives:
      - path: shop.customers
        fields: [id]
`;
const cut = ({ from, to }: { from: number; to: number }) => TEXT.slice(from, to);

describe("a document", () => {
  it("is YAML or JSON, and both are read alike", () => {
    const { value, faults } = read(TEXT);
    expect(faults).toEqual([]);
    expect(read(asJson(value)).value).toEqual(value);
    expect(read(asYaml(value)).value).toEqual(value);
  });

  it("knows the place of a pointer, and of the nearest part around it", () => {
    const document = read(TEXT);
    expect(cut(document.at("#/match/0/fields/1/name"))).toBe("note");
    expect(cut(document.at("#/match/0/path"))).toBe("shop.orders");
    expect(cut(document.at("#/match/0/path/nothing"))).toBe("shop.orders");
    expect(cut(document.at("#"))).toContain("match");
  });

  it("knows the place of a table and of its field, within alternatives too", () => {
    const document = read(TEXT);
    expect(cut(document.named("shop.customers", null))).toBe("shop.customers");
    expect(cut(document.named("shop.orders", "note"))).toBe("note");
    expect(cut(document.named("shop.customers", "id"))).toBe("id");
    expect(document.named("shop.customers", "id").from).toBeGreaterThan(TEXT.indexOf("alternatives"));
    expect(cut(document.named("shop.orders", "gone"))).toBe("shop.orders");
  });

  it("says where it is no YAML", () => {
    const { value, faults } = read("match: [\n  - nope: {");
    expect(value).toBeNull();
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.every(({ place, message }) => place.from >= 0 && message !== "")).toBe(true);
  });

  it("refuses aliases, which could grow without bound", () => {
    const { value, faults } = read("match: &a [x]\nmore: *a\n");
    expect(value).toBeNull();
    expect(faults[0]?.message).toContain("aliases");
    expect(read('match: {path: "a&b *c"}').faults).toEqual([]);
    expect(read('match: [{path: shop.orders, fields: "*"}]').faults).toEqual([]);
    expect(read("match:\n  - path: shop.*\n").faults).toEqual([]);
  });
});
