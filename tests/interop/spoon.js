// SPDX-License-Identifier: Apache-2.0
// A nospoon peer without an interface: its framing over a real hyperdht connection, in either role
// (docs/protocol/applications.md section 10). It answers pings in place of a kernel.
'use strict'

const KEEPALIVE = Buffer.alloc(4)
const ICMP = 1
const ECHO = 8
const ECHO_REPLY = 0

function frame (packet) {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(packet.length)
  return Buffer.concat([length, packet])
}

function checksum (bytes) {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += bytes[i] << 8 | (bytes[i + 1] || 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** An IPv4 packet with an ICMP message of that type; `rest`: behind its checksum. */
function icmp (from, to, type, rest) {
  const header = Buffer.from([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, ICMP, 0, 0, ...from, ...to])
  const message = Buffer.concat([Buffer.from([type, 0, 0, 0]), rest])
  header.writeUInt16BE(header.length + message.length, 2)
  header.writeUInt16BE(checksum(header), 10)
  message.writeUInt16BE(checksum(message), 2)
  return Buffer.concat([header, message])
}

class Spoon {
  /** `address`: four numbers. */
  constructor (address) {
    Object.assign(this, { address, connections: [], packets: [], keepalives: 0, waiting: [] })
  }

  /** A connection of either role. */
  take (socket) {
    this.connections.push(socket)
    let held = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (data) => {
      held = Buffer.concat([held, data])
      while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
        const size = held.readUInt32BE(0)
        if (size === 0) this.keepalives++
        else this.onPacket(socket, held.subarray(4, 4 + size))
        held = held.subarray(4 + size)
      }
    })
    return socket
  }

  onPacket (socket, packet) {
    this.packets.push(packet)
    const echo = packet[0] === 0x45 && packet[9] === ICMP && packet[20] === ECHO
    const mine = packet.subarray(16, 20).equals(Buffer.from(this.address))
    if (echo && mine) this.write(socket, icmp(packet.subarray(16, 20), packet.subarray(12, 16), ECHO_REPLY, packet.subarray(24)))
    for (const look of [...this.waiting]) look()
  }

  /** In pieces that begin and end anywhere, behind a keepalive. */
  write (socket, packet) {
    const bytes = Buffer.concat([KEEPALIVE, frame(packet)])
    for (let at = 0; at < bytes.length; at += 37) socket.write(bytes.subarray(at, at + 37))
  }

  /** Resolves once one that `matches` has come. */
  packet (matches) {
    return new Promise((resolve) => {
      const look = () => {
        const found = this.packets.find(matches)
        if (!found) return
        this.waiting = this.waiting.filter((other) => other !== look)
        resolve(found)
      }
      this.waiting.push(look)
      look()
    })
  }

  /** Pings over a connection, and resolves with the answer. */
  async ping (socket, to, size = 56) {
    const rest = Buffer.alloc(4 + size, this.packets.length + 1)
    this.write(socket, icmp(this.address, to, ECHO, rest))
    return this.packet((packet) => packet[9] === ICMP && packet[20] === ECHO_REPLY && packet.subarray(24).equals(rest))
  }
}

module.exports = { KEEPALIVE, Spoon, frame }
