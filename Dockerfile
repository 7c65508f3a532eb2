# Recourse in a container: the sources as they are, and what they need to run. No build step.
#   docker build -t recourse .
#   docker run --init -p 127.0.0.1:3000:3000 -v recourse:/data -e HOST=0.0.0.0 -e ALLOW_UNAUTHENTICATED=true recourse
# HOST and ALLOW_UNAUTHENTICATED are not set here: whoever opens it to others says so.
FROM node:26.10.0-bookworm-slim AS packages
WORKDIR /recourse
COPY package.json package-lock.json .npmrc ./
COPY contracts/package.json contracts/
COPY infra/package.json infra/
COPY sagas/package.json sagas/
COPY services/api/package.json services/api/
COPY services/host/package.json services/host/
COPY services/ingest/package.json services/ingest/
COPY services/inventory/package.json services/inventory/
COPY services/order/package.json services/order/
COPY services/payment/package.json services/payment/
COPY services/shipping/package.json services/shipping/
# Not `npm ci`, which refuses a lockfile that does not name the packages for every other platform; versions and checksums
# are the lockfile's all the same. It brings a Node for machines that have none, too: the image has its own.
RUN npm install --omit=dev --no-save && rm -rf node_modules/node-linux-* node_modules/.bin/node

FROM node:26.10.0-bookworm-slim
ENV DATA_DIR=/data LOG_FORMAT=json
WORKDIR /recourse
COPY --from=packages /recourse ./
COPY contracts contracts
COPY infra infra
COPY sagas sagas
COPY services services
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/health/ready`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "services/host/recourse.mjs"]
CMD ["start"]
