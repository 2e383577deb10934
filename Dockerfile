# Owns the two images, `backend` (also what a build without a target gives) and `workers`: the same files, another command.
# Building needs nothing but this repository: docker build --target workers -t mini-crm-workers:1.0.0 .

FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
COPY backend/package.json backend/
COPY cli/package.json cli/
COPY packages/adapters/package.json packages/adapters/
COPY packages/core/package.json packages/core/
COPY packages/runtime/package.json packages/runtime/
COPY packages/wire/package.json packages/wire/
COPY workers/package.json workers/
# The workspaces become links that lead out of node_modules: Node strips no types in there. No dependency needs its scripts.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24.21.0-bookworm-slim AS product
# The heap is as scripts/run.mjs sets it. HOST lets others reach it, so API_KEY has to be given.
ENV NODE_OPTIONS="--max-semi-space-size=32 --max-old-space-size=768" \
    HOST=0.0.0.0 \
    DATA_DIR=/data
WORKDIR /app
# A new named volume takes over this owner.
RUN mkdir /data && chown 1000:1000 /data
COPY --from=dependencies /app ./
COPY packages packages
COPY cli cli
COPY backend backend
COPY workers workers
# By number: Kubernetes can tell only then that it is not root.
USER 1000:1000

FROM product AS workers
EXPOSE 3004
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:3004/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "workers/src/main.ts"]

FROM product AS backend
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:3000/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "backend/src/main.ts"]
