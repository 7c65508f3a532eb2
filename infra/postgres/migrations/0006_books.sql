-- Up Migration

-- The books of the simulated payment provider and carrier, which any number of processes share. An entry is never
-- changed but for its calls. Times in milliseconds since 1970, amounts in minor units.

-- One charge a key, accepted (1, with chargeId) or declined (0, with reason); calls: how often it was asked for.
create table simulated_charges (
  key text collate "C" not null primary key,
  "orderId" text not null,
  "chargeId" text,
  amount bigint not null,
  currency text not null,
  accepted integer not null,
  reason text,
  at bigint not null,
  "paymentToken" text not null,
  calls integer not null default 1
);

-- One refund a key.
create table simulated_refunds (
  key text collate "C" not null primary key,
  "chargeId" text not null,
  "refundId" text not null,
  amount bigint not null,
  currency text not null,
  at bigint not null,
  calls integer not null default 1
);

-- One authorisation a key, accepted (1, with authorizationId) or declined (0, with reason). ended: the table that holds
-- what became of it; who sets it first decides, however many ask at once.
create table simulated_authorizations (
  number bigint not null generated always as identity unique,
  key text collate "C" not null primary key,
  "orderId" text not null,
  "authorizationId" text,
  amount bigint not null,
  currency text not null,
  accepted integer not null,
  reason text,
  at bigint not null,
  "paymentToken" text not null,
  calls integer not null default 1,
  ended text
);

-- What became of an authorisation, by its number: it is captured once or voided once.
create table simulated_captures (
  number bigint not null unique,
  key text collate "C" not null primary key,
  "authorizationId" text not null,
  "captureId" text not null,
  amount bigint not null,
  currency text not null,
  at bigint not null,
  calls integer not null default 1
);

create table simulated_voids (
  number bigint not null unique,
  key text collate "C" not null primary key,
  "authorizationId" text not null,
  "voidId" text not null,
  at bigint not null,
  calls integer not null default 1
);

-- One shipment a key, accepted (1, with shipmentId) or refused (0, with reason).
create table simulated_shipments (
  key text collate "C" not null primary key,
  "orderId" text not null,
  "shipmentId" text,
  country text not null,
  accepted integer not null,
  reason text,
  at bigint not null,
  calls integer not null default 1
);

-- One cancellation a key, carried out (1) or refused (0, with reason).
create table simulated_cancellations (
  key text collate "C" not null primary key,
  "shipKey" text not null,
  "shipmentId" text not null,
  cancelled integer not null,
  reason text,
  at bigint not null,
  calls integer not null default 1
);

-- Calls that could not, or at first could not, reach the provider or the carrier, by key.
create table simulated_unreached (
  key text collate "C" not null primary key,
  calls integer not null
);
