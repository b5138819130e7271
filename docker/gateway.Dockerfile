# Build from the repository's root: docker build -f docker/gateway.Dockerfile -t lineside-gateway .
FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
# npm wants every workspace that the lock file names to be there, if only its package.json.
COPY package.json package-lock.json ./
COPY shared/package.json shared/
COPY gateway/package.json gateway/
COPY hub/package.json hub/
COPY hub/web/package.json hub/web/
COPY demo/package.json demo/
RUN npm ci --omit=dev --no-audit --no-fund -w gateway \
  # One package brings its libraries for every system.
  && rm -rf node_modules/onnxruntime-node/bin/*/darwin node_modules/onnxruntime-node/bin/*/win32

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production MALLOC_ARENA_MAX=1
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY shared ./shared
COPY gateway ./gateway
COPY docker/healthcheck.ts ./docker/
# A named volume takes this owner over; everything else in the image stays root's and read-only.
RUN install -d -o node -g node -m 0750 /var/lib/lineside
USER node
VOLUME ["/var/lib/lineside"]
EXPOSE 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "/app/docker/healthcheck.ts", "http://127.0.0.1:8081/api/status"]
ENTRYPOINT ["node", "--max-semi-space-size=4", "/app/gateway/main.ts"]
CMD ["run", "--config", "/etc/lineside/gateway.yaml"]
