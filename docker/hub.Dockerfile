# Build from the repository's root: docker build -f docker/hub.Dockerfile -t lineside-hub .
FROM node:24.21.0-bookworm-slim AS manifests
WORKDIR /app
# npm wants every workspace that the lock file names to be there, if only its package.json.
COPY package.json package-lock.json ./
COPY shared/package.json shared/
COPY gateway/package.json gateway/
COPY hub/package.json hub/
COPY hub/web/package.json hub/web/
COPY demo/package.json demo/

FROM manifests AS web
RUN npm ci --no-audit --no-fund -w hub/web
COPY tsconfig.json ./
COPY shared ./shared
COPY hub/web ./hub/web
RUN npm run build -w hub/web

FROM manifests AS dependencies
RUN npm ci --omit=dev --no-audit --no-fund -w hub

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY shared ./shared
COPY hub ./hub
COPY --from=web /app/hub/web/dist ./hub/web/dist
COPY docker/healthcheck.ts ./docker/
# A named volume takes this owner over; everything else in the image stays root's and read-only.
RUN install -d -o node -g node -m 0750 /var/lib/lineside
USER node
VOLUME ["/var/lib/lineside"]
EXPOSE 8080 1883
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=3 \
  CMD ["node", "/app/docker/healthcheck.ts", "http://127.0.0.1:8080/health"]
ENTRYPOINT ["node", "/app/hub/main.ts"]
CMD ["run", "--config", "/etc/lineside/hub.yaml"]
