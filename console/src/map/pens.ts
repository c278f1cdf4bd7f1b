// The two pens: one for a canvas, one that writes SVG.

import { cut, type Pen, type TextStyle } from "./draw";

const SANS = 'system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
const MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace';

function font({ size, mono, bold }: TextStyle): string {
  return `${bold ? "600 " : ""}${size}px ${mono ? MONO : SANS}`;
}

/** Sets a property only when it changes: reading a font again is what costs most on a canvas. */
export function canvasPen(context: CanvasRenderingContext2D): Pen {
  let presentFont = "";
  let presentFill = "";
  const fill = (colour: string) => {
    if (colour !== presentFill) context.fillStyle = colour;
    presentFill = colour;
  };
  context.textBaseline = "middle";
  return {
    rectangle({ x, y, width, height }, { fill: colour, stroke, radius }) {
      if (colour) fill(colour);
      if (stroke) {
        context.strokeStyle = stroke.colour;
        context.lineWidth = stroke.width;
        if (stroke.dashes) context.setLineDash(stroke.dashes);
      }
      if (radius) {
        context.beginPath();
        context.roundRect(x, y, width, height, radius);
        if (colour) context.fill();
        if (stroke) context.stroke();
      } else {
        // Much cheaper than a path.
        if (colour) context.fillRect(x, y, width, height);
        if (stroke) context.strokeRect(x, y, width, height);
      }
      if (stroke?.dashes) context.setLineDash([]);
    },
    lines(lines, stroke) {
      if (lines.length === 0) return;
      context.strokeStyle = stroke.colour;
      context.lineWidth = stroke.width;
      context.beginPath();
      for (const { points, curved } of lines) {
        const [a, b, c, d] = points;
        if (!a) continue;
        context.moveTo(a.x, a.y);
        if (curved && b && c && d) context.bezierCurveTo(b.x, b.y, c.x, c.y, d.x, d.y);
        else for (const point of points.slice(1)) context.lineTo(point.x, point.y);
      }
      context.stroke();
    },
    polygon(points, colour) {
      fill(colour);
      context.beginPath();
      for (const point of points) context.lineTo(point.x, point.y);
      context.fill();
    },
    text(text, x, y, style) {
      const shown = cut(text, style);
      if (shown === "") return;
      const wanted = font(style);
      if (wanted !== presentFont) context.font = wanted;
      presentFont = wanted;
      fill(style.fill);
      context.textAlign = style.align ?? "left";
      if (style.width === undefined) context.fillText(shown, x, y);
      else context.fillText(shown, x, y, style.width);
    },
  };
}

export interface SvgPen extends Pen {
  svg: (area: { x: number; y: number; width: number; height: number }, ground: string) => string;
}

export function svgPen(): SvgPen {
  const parts: string[] = [];
  const number = (value: number) => String(Math.round(value * 100) / 100);
  return {
    rectangle({ x, y, width, height }, { fill, stroke, radius }) {
      const border = stroke
        ? ` stroke="${stroke.colour}" stroke-width="${number(stroke.width)}"${
            stroke.dashes ? ` stroke-dasharray="${stroke.dashes.join(" ")}"` : ""
          }`
        : "";
      parts.push(
        `<rect x="${number(x)}" y="${number(y)}" width="${number(width)}" height="${number(height)}"` +
          `${radius ? ` rx="${number(radius)}"` : ""} fill="${fill ?? "none"}"${border}/>`,
      );
    },
    lines(lines, stroke) {
      if (lines.length === 0) return;
      const path = lines.map(({ points, curved }) => {
        const [first, ...rest] = points.map((point) => `${number(point.x)},${number(point.y)}`);
        return `M${first}${curved ? "C" : "L"}${rest.join(" ")}`;
      });
      parts.push(
        `<path d="${path.join("")}" fill="none" stroke="${stroke.colour}" stroke-width="${number(stroke.width)}"/>`,
      );
    },
    polygon(points, fill) {
      const corners = points.map((point) => `${number(point.x)},${number(point.y)}`).join(" ");
      parts.push(`<polygon points="${corners}" fill="${fill}"/>`);
    },
    text(text, x, y, style) {
      const shown = cut(text, style);
      if (shown === "") return;
      const anchor = { left: "start", center: "middle", right: "end" }[style.align ?? "left"];
      parts.push(
        `<text x="${number(x)}" y="${number(y)}" font-size="${number(style.size)}" fill="${style.fill}"` +
          ` text-anchor="${anchor}" class="${style.mono ? "m" : "s"}${style.bold ? " b" : ""}">${xml(shown)}</text>`,
      );
    },
    svg({ x, y, width, height }, ground) {
      const area = `x="${number(x)}" y="${number(y)}" width="${number(width)}" height="${number(height)}"`;
      return (
        `<svg xmlns="http://www.w3.org/2000/svg" width="${number(width)}" height="${number(height)}"` +
        ` viewBox="${number(x)} ${number(y)} ${number(width)} ${number(height)}">` +
        `<style>text{dominant-baseline:central}.s{font-family:${xml(SANS)}}.m{font-family:${xml(MONO)}}` +
        `.b{font-weight:600}</style><rect ${area} fill="${ground}"/>${parts.join("")}</svg>\n`
      );
    },
  };
}

/** Text as XML has it; what XML has no character for is replaced. */
export function xml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, "\u{FFFD}");
}
