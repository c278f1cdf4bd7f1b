import { describe, expect, it } from "vitest";
import { faultsOf } from "../src/api/client";

describe("the faults of a refusal", () => {
  it("keep the place of each", () => {
    const body = { errors: { detail: [["it is not a path", "#/match/0/path"]] } };
    expect(faultsOf(body, 422)).toEqual([{ message: "it is not a path", pointer: "#/match/0/path" }]);
  });

  it("are the problems of unmet claims", () => {
    const body = { errors: { claims: [{ path: "shop.orders", message: "expected a column, found none" }] } };
    expect(faultsOf(body, 422)).toEqual([{ message: "expected a column, found none", pointer: null }]);
  });

  it("prefer the reason to the phrase of the status", () => {
    const body = { errors: { detail: "Forbidden", reason: "only the root user previews" } };
    expect(faultsOf(body, 403)[0]?.message).toBe("only the root user previews");
    expect(faultsOf({ errors: { detail: "Not Found" } }, 404)[0]?.message).toBe("Not Found");
  });

  it("are said even when the body is no JSON", () => {
    expect(faultsOf("<html>", 502)[0]?.message).toBe("The service answers 502.");
    expect(faultsOf(null, 500)[0]?.message).toBe("The service answers 500.");
  });
});
