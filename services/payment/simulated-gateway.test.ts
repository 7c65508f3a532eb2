import { openFileRoom } from '../../test/books-kit.ts';
import { type GatewayRoom, gatewaySuite } from '../../test/contract/simulated/gateway.ts';
import { openSimulatedGateway } from './simulated-gateway.ts';

gatewaySuite(
  'in a file',
  (): GatewayRoom => openFileRoom((path, options) => openSimulatedGateway({ path, ...options })),
);
