// The part of d3 that the map uses; the packages of its types would bring many more.

declare module "d3-selection" {
  export interface Selection {
    call: (of: (selection: Selection, ...more: never[]) => void, ...more: unknown[]) => Selection;
    on: (event: string, listener: null) => Selection;
  }
  export function select(element: Element): Selection;
}

declare module "d3-zoom" {
  import type { Selection } from "d3-selection";

  export interface ZoomTransform {
    readonly k: number;
    readonly x: number;
    readonly y: number;
    translate: (x: number, y: number) => ZoomTransform;
    scale: (k: number) => ZoomTransform;
    invert: (point: [number, number]) => [number, number];
  }
  export const zoomIdentity: ZoomTransform;
  export interface Zoom {
    (selection: Selection): void;
    scaleExtent: (extent: [number, number]) => Zoom;
    on: (event: "zoom", listener: (event: { transform: ZoomTransform; sourceEvent: Event | null }) => void) => Zoom;
    transform: (selection: Selection, transform: ZoomTransform) => void;
    translateBy: (selection: Selection, x: number, y: number) => void;
    scaleBy: (selection: Selection, k: number) => void;
  }
  export function zoom(): Zoom;
}
