// SPDX-License-Identifier: Apache-2.0
// Rows about forwarded ports, on this machine's loopback.
'use strict'
const fs = require('node:fs')
const { TRAFFIC, client, open } = require('../ports')
const { cpuSeconds, forgetPeak, peakMemory } = require('../processes')

const COLUMNS = ['hsfwd', 'ssh -L', 'ssh -L aes128-gcm', 'hypertele', 'holesail', 'bare']
const SMALLEST = 4e6 // bytes
const LARGEST = 1e11 // bytes

/**
 * Gbit/s of a transfer that takes half of these seconds or more, and seconds of processors a GB. A number of bytes, and not a time: who
 * reads ahead without a bound is done when all has arrived. A way's next transfer begins at the size of the last.
 */
async function transfer (way, direction, streams, seconds) {
  const kind = `${direction} ${streams}`
  for (let size = way.sizes.get(kind) || SMALLEST; ; size *= 2) {
    const before = cpuSeconds(way.programs)
    const { seconds: took } = await client(direction, way.port, streams, size).event
    const busy = cpuSeconds(way.programs) - before
    way.sizes.set(kind, size)
    if (took < seconds / 2 && size < LARGEST) continue
    return [size * 8 / took / 1e9, way.programs.length ? busy / (size / 1e9) : undefined]
  }
}

const trips = async (way, seconds) => {
  const { median, late } = await client('trips', way.port, seconds).event
  return [median, late]
}

async function tripsBesideStream (way, seconds) {
  // One transfer after the other, of a size that all machines have room for, whoever reads ahead.
  if (!way.sizes.has('upload 1')) await transfer(way, 'upload', 1, seconds)
  let running
  let over = false
  const stream = (async () => {
    while (!over) {
      running = client('upload', way.port, 1, 4 * way.sizes.get('upload 1'))
      await running.event
    }
  })()
  stream.catch(() => {}) // it is ended
  const measured = trips(way, seconds).finally(() => {
    over = true
    return running.program.kill('SIGKILL')
  })
  // A stream that fails before that is a failure.
  await Promise.race([measured, stream])
  return measured
}

const rate = (name, title) => ({ name, title: `${title}, Gbit/s` })
const less = (name, title) => ({ name, title, less: true })

// `contestants`: column and way; `measure`: what there is in the rows.
const of = (rows, measure, contestants = COLUMNS.map((name) => [name, name])) => ({ rows, measure, contestants })

const MEASUREMENTS = [
  of([rate('one_stream', 'one stream to the service'), less('cpu', 'processor time to the service, both sides, s/GB')],
    (way, seconds) => transfer(way, 'upload', 1, seconds)),
  of([rate('one_stream_back', 'one stream from the service'), less('cpu_back', 'processor time from the service, both sides, s/GB')],
    (way, seconds) => transfer(way, 'download', 1, seconds)),
  of([rate('eight_streams', 'eight streams to the service'), less('memory_idle', 'memory of the larger side, idle, MB'),
    less('memory_loaded', 'memory of the larger side in eight streams, at most, MB')],
  async (way, seconds) => {
    forgetPeak(way.programs)
    const [gigabits] = await transfer(way, 'upload', 8, seconds)
    return [gigabits, way.idleMemory, way.memory(peakMemory)]
  }),
  of([rate('eight_streams_back', 'eight streams from the service')],
    async (way, seconds) => (await transfer(way, 'download', 8, seconds)).slice(0, 1)),
  of([{ name: 'connections_one', title: 'new connections one after the other, a second' }],
    async (way, seconds) => [(await client('dials', way.port, 1, seconds).event).rate]),
  of([{ name: 'connections_fifty', title: 'new connections fifty at once, a second' }],
    async (way, seconds) => [(await client('dials', way.port, 50, seconds).event).rate]),
  of([less('trip', 'round trip idle, median, ms'), less('trip_late', 'round trip idle, 99th percentile, ms')], trips),
  of([less('trip_busy', 'round trip beside a stream, median, ms'),
    less('trip_busy_late', 'round trip beside a stream, 99th percentile, ms')], tripsBesideStream),
  ...[['to_javascript', 'hsfwd to hypertele'], ['from_javascript', 'hypertele to hsfwd']].flatMap(([name, way]) =>
    [[name, 'to the service', 'upload'], [`${name}_back`, 'from the service', 'download']].map(([name, direction, kind]) =>
      of([rate(name, `${way}, ${direction}`)], async (way, seconds) => (await transfer(way, kind, 1, seconds)).slice(0, 1),
        [['hsfwd', way], ['hypertele', 'hypertele']])))
]

module.exports = {
  title: 'forwarded ports',
  measurements: MEASUREMENTS,
  unavailable: () => fs.existsSync(TRAFFIC) ? '' : 'there is no bench_traffic (scripts/build release bench_traffic)',
  open: (measurements) => open(measurements.flatMap(({ contestants }) => contestants.map(([, way]) => way)))
}
