// Builds the console into the companion, whose management service serves it at /console.

import { gzipSync } from "node:zlib";
import preact from "@preact/preset-vite";
import type { Plugin, Rolldown } from "vite";
import { defineConfig } from "vitest/config";

/** What a browser loads until the first view stands, in bytes after gzip. */
const FIRST_VIEW_BYTES = 350_000;

/** Fails a build whose first view has become larger. */
function budget(): Plugin {
  return {
    name: "budget",
    generateBundle(_, bundle) {
      const first = new Set<string>();
      const add = (name: string) => {
        const file = bundle[name];
        if (first.has(name) || file?.type !== "chunk") return;
        first.add(name);
        file.imports.forEach(add);
        for (const style of file.viteMetadata?.importedCss ?? []) first.add(style);
      };
      for (const [name, file] of Object.entries(bundle)) {
        if (file.type === "chunk" && (file.isEntry || file.facadeModuleId?.endsWith("/home/home.tsx"))) add(name);
      }
      const bytes = [...first].reduce((sum, name) => sum + gzipSync(contentOf(bundle[name])).length, 0);
      if (bytes > FIRST_VIEW_BYTES)
        this.error(`the first view has ${bytes} bytes after gzip, more than ${FIRST_VIEW_BYTES}`);
      console.log(`first view: ${Math.round(bytes / 1000)} kB after gzip, in ${first.size} files`);
    },
  };
}

function contentOf(file: Rolldown.OutputChunk | Rolldown.OutputAsset | undefined): string | Uint8Array {
  if (file === undefined) return "";
  return file.type === "chunk" ? file.code : file.source;
}

export default defineConfig({
  base: "/console/",
  plugins: [preact(), budget()],
  build: {
    outDir: "../companion/integratedb_companion/serve/assets",
    emptyOutDir: true,
    target: "es2022",
    // A data: URL would be a script or style that the Content-Security-Policy does not know.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": "http://127.0.0.1:4000" }, fs: { allow: [".."] } },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts", "tests/**/*.test.tsx"] },
});
