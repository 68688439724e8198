// SPDX-License-Identifier: Apache-2.0
// What `state.json` says, in a form that the rest can rely on: lists are lists, whatever an older or newer `up` has
// left out or put in.

const LISTS = ['exposes', 'connects', 'socks', 'reverses', 'networks']

const list = (value) => Array.isArray(value) ? value.filter((one) => one !== null && typeof one === 'object') : []
const record = (value) => value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {}

/** Throws if this is no answer of `up`. */
export function understood (answer) {
  if (record(answer).status?.event !== 'status') throw new Error('the answer is not the state of hsfwd up')
  const { status } = answer
  const peers = record(answer.peers)
  const out = {
    config: status.config,
    pid: status.pid,
    seconds: status.seconds,
    key: status.key,
    publicKey: status.publicKey,
    node: record(status.node),
    health: Array.isArray(status.health) ? list(status.health) : null,
    sessions: list(peers.sessions ?? status.sessions),
    connections: list(peers.connections),
    attempts: list(record(answer.attempts).attempts)
  }
  for (const name of LISTS) out[name] = list(status[name])
  for (const one of out.exposes) {
    for (const name of ['services', 'listening']) one[name] = list(one[name])
    one.relays = Array.isArray(one.relays) ? one.relays : []
  }
  for (const one of out.networks) {
    one.peers = list(one.peers)
    one.drops = list(one.drops)
    one.addresses = Array.isArray(one.addresses) ? one.addresses : []
    for (const peer of one.peers) peer.addresses = Array.isArray(peer.addresses) ? peer.addresses : []
  }
  for (const one of out.attempts) one.steps = list(one.steps)
  for (const one of out.sessions) one.services = Array.isArray(one.services) ? one.services : []
  return out
}

/** What all tunnels have counted: by tunnel, [to peers, from peers], bytes. */
export function counters (state) {
  const out = new Map()
  const add = (name, one) => out.set(name, [Number(one.bytesToPeer) || 0, Number(one.bytesFromPeer) || 0])
  for (const one of state.exposes) add(`expose ${one.publicKey}`, one)
  for (const one of state.connects) add(`connect ${one.listen}`, one)
  for (const one of state.socks) add(`socks ${one.listen}`, one)
  for (const one of state.reverses) add(`reverse ${one.peer} ${one.listen}`, one)
  for (const network of state.networks) {
    for (const one of network.peers) add(`network ${network.publicKey} ${one.peer}`, one)
  }
  return out
}
