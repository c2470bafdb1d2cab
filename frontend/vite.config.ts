import { defineConfig } from "vitest/config";

// Names stay the same from build to build: Django's templates refer to them, and its static files storage
// adds the hash where one is wanted.
export default defineConfig({
  base: "/static/",
  esbuild: { jsx: "automatic" },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    modulePreload: false,
    target: "es2022",
    rollupOptions: {
      input: { chat: "src/chat/main.tsx" },
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "[name].js",
        assetFileNames: "[name][extname]",
      },
    },
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
