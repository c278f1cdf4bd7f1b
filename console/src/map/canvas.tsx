// The canvas of the map: pan and zoom by pointer, touch and keys. Only what has changed makes it draw again.

import { select } from "d3-selection";
import { type Zoom, type ZoomTransform, zoom, zoomIdentity } from "d3-zoom";
import { useEffect, useRef } from "preact/hooks";
import { COLUMNS, DETAILS, draw, type Look } from "./draw";
import { hit, type Layout, overlaps, type Rectangle } from "./layout";
import { canvasPen } from "./pens";

export interface Controls {
  zoomBy: (factor: number) => void;
  fit: () => void;
}

interface Props {
  label: string;
  layout: Layout;
  look: Look;
  /** What to bring into view, whenever this changes. */
  target: { area: Rectangle; gentle: boolean };
  onPick: (path: string | null, column: string | null) => void;
  onHover: (path: string | null) => void;
  /** The tables whose details are visible, once the view rests. */
  onRest: (paths: string[]) => void;
  controls: { current: Controls | null };
}

const CLOSEST = 3;
const FARTHEST = 0.01;
const REST_MS = 250;
const FLIGHT_MS = 280;

export function MapCanvas(props: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const stage = useRef<Stage | null>(null);
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => {
    const made = new Stage(canvas.current as HTMLCanvasElement, latest);
    stage.current = made;
    props.controls.current = made;
    return () => made.end();
  }, []);
  useEffect(() => stage.current?.schedule(), [props.layout, props.look]);
  useEffect(() => stage.current?.show(props.target), [props.target]);
  return <canvas ref={canvas} class="map-canvas" role="img" aria-label={props.label} tabIndex={0} />;
}

class Stage implements Controls {
  private transform: ZoomTransform = zoomIdentity;
  private width = 0;
  private height = 0;
  private frame = 0;
  private flight = 0;
  private rest: ReturnType<typeof setTimeout> | undefined;
  /** Whether the user has moved the picture since something was brought into view. */
  private moved = false;
  private readonly zoom: Zoom;
  private readonly selection;
  private readonly observer: ResizeObserver;
  private readonly context: CanvasRenderingContext2D;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly props: { current: Props },
  ) {
    this.context = canvas.getContext("2d", { alpha: false }) as CanvasRenderingContext2D;
    this.selection = select(canvas);
    this.zoom = zoom()
      .scaleExtent([FARTHEST, CLOSEST])
      .on("zoom", ({ transform, sourceEvent }) => {
        if (sourceEvent) {
          cancelAnimationFrame(this.flight);
          this.moved = true;
        }
        this.transform = transform;
        this.schedule();
      });
    this.selection.call(this.zoom);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(canvas);
    canvas.addEventListener("click", this.onClick);
    canvas.addEventListener("pointermove", this.onMove);
    canvas.addEventListener("pointerleave", this.onLeave);
    canvas.addEventListener("keydown", this.onKey);
  }

  end(): void {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    cancelAnimationFrame(this.flight);
    clearTimeout(this.rest);
  }

  schedule(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.canvas;
    if (clientWidth === 0 || clientHeight === 0) return;
    const ratio = devicePixelRatio;
    const first = this.width === 0;
    this.width = clientWidth;
    this.height = clientHeight;
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    // A panel beside the picture has come or gone, or the canvas has a size for the first time.
    if (first) this.go(this.fitting(this.props.current.target.area));
    else if (!this.moved) this.show(this.props.current.target);
    // Without waiting for a frame, because the canvas is empty now.
    this.draw();
  }

  private get view(): Rectangle {
    const { x, y, k } = this.transform;
    return { x: -x / k, y: -y / k, width: this.width / k, height: this.height / k };
  }

  private draw(): void {
    if (this.width === 0) return;
    const { layout, look } = this.props.current;
    const { x, y, k } = this.transform;
    const ratio = devicePixelRatio;
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.fillStyle = look.theme.ground;
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.context.setTransform(k * ratio, 0, 0, k * ratio, x * ratio, y * ratio);
    draw(canvasPen(this.context), layout, look, { ...this.view, scale: k });
    this.canvas.dataset.scale = k.toFixed(3);
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.tellRest(), REST_MS);
  }

  private tellRest(): void {
    if (this.transform.k < DETAILS) return;
    const view = this.view;
    this.props.current.onRest(
      this.props.current.layout.boxes.filter((box) => overlaps(box, view)).map((box) => box.path),
    );
  }

  /** Brings an area into view; gently: it stays where it is if it can be read there. */
  show({ area, gentle }: Props["target"]): void {
    if (this.width === 0) return;
    this.moved = false;
    const view = this.view;
    const inside =
      area.x >= view.x &&
      area.y >= view.y &&
      area.x + area.width <= view.x + view.width &&
      area.y + area.height <= view.y + view.height;
    if (gentle && inside && this.transform.k >= COLUMNS) return;
    this.fly(this.fitting(area));
  }

  fit(): void {
    this.fly(this.fitting(this.props.current.layout.bounds));
  }

  zoomBy(factor: number): void {
    cancelAnimationFrame(this.flight);
    this.moved = true;
    this.zoom.scaleBy(this.selection, factor);
  }

  private fitting(area: Rectangle): ZoomTransform {
    const margin = Math.min(32, this.width / 16);
    const k = Math.min(
      Math.max(
        Math.min((this.width - 2 * margin) / area.width, (this.height - 2 * margin) / area.height) || 1,
        FARTHEST,
      ),
      1.1,
    );
    return zoomIdentity
      .translate(this.width / 2 - (area.x + area.width / 2) * k, this.height / 2 - (area.y + area.height / 2) * k)
      .scale(k);
  }

  private go(transform: ZoomTransform): void {
    this.zoom.transform(this.selection, transform);
  }

  private fly(end: ZoomTransform): void {
    cancelAnimationFrame(this.flight);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.go(end);
      return;
    }
    const start = this.transform;
    const began = performance.now();
    const step = (now: number) => {
      const part = Math.min(Math.max((now - began) / FLIGHT_MS, 0), 1);
      const eased = 1 - (1 - part) ** 3;
      const k = start.k * (end.k / start.k) ** eased;
      // The middle of the view moves on a straight line of the layout.
      const share = end.k === start.k ? eased : (1 / k - 1 / start.k) / (1 / end.k - 1 / start.k);
      const middle = (from: number, to: number, size: number) => {
        const a = (size / 2 - from) / start.k;
        const b = (size / 2 - to) / end.k;
        return a + (b - a) * share;
      };
      this.go(
        zoomIdentity
          .translate(
            this.width / 2 - middle(start.x, end.x, this.width) * k,
            this.height / 2 - middle(start.y, end.y, this.height) * k,
          )
          .scale(k),
      );
      if (part < 1) this.flight = requestAnimationFrame(step);
    };
    this.flight = requestAnimationFrame(step);
  }

  private at(event: MouseEvent) {
    const [x, y] = this.transform.invert([event.offsetX, event.offsetY]);
    return hit(this.props.current.layout, { x, y });
  }

  private readonly onClick = (event: MouseEvent) => {
    const found = this.at(event);
    this.props.current.onPick(found?.path ?? null, this.transform.k >= COLUMNS ? (found?.column ?? null) : null);
  };

  private readonly onMove = (event: PointerEvent) => {
    if (event.pointerType === "touch" || event.buttons !== 0) return;
    const found = this.at(event);
    this.canvas.style.cursor = found ? "pointer" : "grab";
    this.props.current.onHover(found?.path ?? null);
  };

  private readonly onLeave = () => this.props.current.onHover(null);

  private readonly onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = { ArrowLeft: [80, 0], ArrowRight: [-80, 0], ArrowUp: [0, 80], ArrowDown: [0, -80] }[event.key];
    const [x, y] = move ?? [];
    if (x !== undefined && y !== undefined) {
      this.moved = true;
      this.zoom.translateBy(this.selection, x / this.transform.k, y / this.transform.k);
    } else if (event.key === "+" || event.key === "=") this.zoomBy(1.4);
    else if (event.key === "-") this.zoomBy(1 / 1.4);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
  };
}
