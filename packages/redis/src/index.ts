export { type Port, portFor, type RedisClient, type Script } from './port.ts'
