// The map of the database, which most views use: loaded once, and again on request.

import { signal } from "@preact/signals";
import { type ApiError, answered, client, type Schemas } from "./client";
import { asApiError } from "./resource";

export type DatabaseMap = Schemas["Map"];
export type Relation = Schemas["Relation"];
export type ForeignKey = Schemas["ForeignKey"];

export const databaseMap = signal<DatabaseMap | null>(null);
export const mapError = signal<ApiError | null>(null);
let loading: Promise<void> | null = null;

export function loadMap({ again = false } = {}): Promise<void> {
  if (loading === null || again) {
    loading = answered(client.GET("/map")).then(
      (answer) => {
        databaseMap.value = answer.data;
        mapError.value = null;
      },
      (error: unknown) => {
        mapError.value = asApiError(error);
        loading = null;
      },
    );
  }
  return loading;
}
