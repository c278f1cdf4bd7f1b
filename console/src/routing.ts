// The state of the console is its URL: /console/<view>/<rest>?<query>. Every view can be linked.

import { computed, signal } from "@preact/signals";

export const BASE = "/console";

export interface Place {
  view: string;
  rest: string[];
  query: URLSearchParams;
}

const address = signal(location.pathname + location.search);

/** Reads a path of this site; what is not below /console is the home view. */
export function parse(url: string): Place {
  const { pathname, searchParams } = new URL(url, "http://console.invalid");
  const parts = pathname.startsWith(`${BASE}/`) ? pathname.slice(BASE.length + 1).split("/") : [];
  const [view = "", ...rest] = parts.filter((part) => part !== "").map(decoded);
  return { view, rest, query: searchParams };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a view; parts and values are encoded here, and empty values left out. */
export function link(view: string, query: Record<string, string | null | undefined> = {}, ...rest: string[]): string {
  const path = [BASE, view, ...rest.map(encodeURIComponent)].join("/");
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value) search.set(name, value);
  }
  return search.size === 0 ? path : `${path}?${search}`;
}

export const place = computed(() => parse(address.value));

export function go(url: string, { replace = false } = {}): void {
  if (url === location.pathname + location.search + location.hash) return;
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  address.value = location.pathname + location.search;
}

/** Changes values of the query and keeps the view; for what the user may want to step back from, replace is false. */
export function change(query: Record<string, string | null>, { replace = true } = {}): void {
  const { view, rest, query: present } = place.value;
  go(link(view, { ...Object.fromEntries(present), ...query }, ...rest), { replace });
}

/** Follows links of the console without loading the page again. */
export function listen(): void {
  addEventListener("popstate", () => {
    address.value = location.pathname + location.search;
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const anchor = (event.target as Element | null)?.closest?.("a");
    if (!anchor || anchor.target || anchor.hasAttribute("download") || anchor.origin !== location.origin) return;
    if (anchor.pathname !== BASE && !anchor.pathname.startsWith(`${BASE}/`)) return;
    event.preventDefault();
    go(anchor.pathname + anchor.search + anchor.hash);
    // A part of a page that is not there yet is scrolled to by the view, once it is.
    if (anchor.hash) document.getElementById(decoded(anchor.hash.slice(1)))?.scrollIntoView();
    else document.querySelector("main")?.scrollTo(0, 0);
  });
}
