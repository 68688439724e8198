// SPDX-License-Identifier: Apache-2.0
// Debian's Chromium without a window, driven through the pipe of its debugging protocol: one JSON object after the other,
// with a zero byte behind each, no port that others could open.
'use strict'
const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const PROGRAM = 'chromium'
const ANSWER_MS = 30000

/** Why there is none here, or null. */
function unavailable () {
  const tried = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' })
  return tried.status === 0 ? null : 'there is no chromium'
}

/** A page of the browser. */
class Tab {
  constructor (browser, session) {
    Object.assign(this, { browser, session, requests: [], complaints: [] })
  }

  send (method, params = {}) { return this.browser.send(method, params, this.session) }

  onEvent (method, params) {
    if (method === 'Network.requestWillBeSent') this.requests.push(params.request.url)
    if (method === 'Log.entryAdded' && params.entry.level === 'error') this.complaints.push(params.entry.text)
    if (method === 'Runtime.exceptionThrown') this.complaints.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text)
    if (method === 'Page.javascriptDialogOpening') this.complaints.push('a dialogue')
  }

  /** `features`: of the user's taste, as { 'prefers-color-scheme': 'dark' }. */
  async look (width, height, features = {}) {
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 })
    await this.send('Emulation.setEmulatedMedia', { features: Object.entries(features).map(([name, value]) => ({ name, value })) })
  }

  async open (url) {
    const { errorText } = await this.send('Page.navigate', { url })
    if (errorText) throw new Error(`${url}: ${errorText}`)
  }

  /** The value of an expression, or of a function of the page with words. */
  async value (what, ...words) {
    const expression = typeof what === 'function' ? `(${what})(${words.map((word) => JSON.stringify(word)).join(', ')})` : what
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }

  async key (name, { shift = false } = {}) {
    const codes = { Tab: 9, Enter: 13, Space: 32, Escape: 27, ArrowLeft: 37, ArrowRight: 39, Home: 36, End: 35 }
    const text = name === 'Enter' ? '\r' : name === 'Space' ? ' ' : undefined
    const key = { key: name === 'Space' ? ' ' : name, code: name, windowsVirtualKeyCode: codes[name], modifiers: shift ? 8 : 0 }
    await this.send('Input.dispatchKeyEvent', { type: text ? 'keyDown' : 'rawKeyDown', text, ...key })
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...key })
  }

  /** A picture of the page, or of a part of its height, as PNG. */
  async picture (file, { from = 0, height = 16000 } = {}) {
    const { cssContentSize } = await this.send('Page.getLayoutMetrics')
    const clip = { x: 0, y: from, width: cssContentSize.width, height: Math.min(cssContentSize.height - from, height), scale: 1 }
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true, clip })
    fs.writeFileSync(file, Buffer.from(data, 'base64'))
  }
}

class Browser {
  static async start () {
    const browser = new Browser()
    await browser.send('Browser.getVersion')
    return browser
  }

  constructor () {
    this.profile = fs.mkdtempSync(path.join(os.tmpdir(), 'hsfwd-chromium-'))
    this.waiting = new Map()
    this.tabs = new Map()
    this.serial = 0
    // Its own sandbox needs what root, and a container, do not have. What it shows is this program's alone.
    this.child = spawn(PROGRAM, ['--headless=new', '--no-sandbox', '--remote-debugging-pipe', `--user-data-dir=${this.profile}`, '--no-first-run',
      '--disable-gpu', '--disable-dev-shm-usage', '--disable-extensions', '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--no-default-browser-check', '--no-proxy-server', '--hide-scrollbars', 'about:blank'],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], detached: true, env: { ...process.env, HOME: this.profile, XDG_CONFIG_HOME: this.profile, XDG_CACHE_HOME: this.profile } })
    this.ended = new Promise((resolve) => this.child.on('exit', resolve))
    this.ended.then(() => { for (const wait of this.waiting.values()) wait.reject(new Error('chromium has ended')) })
    this.child.on('error', (error) => { for (const wait of this.waiting.values()) wait.reject(error) })
    this.child.stdio[3].on('error', () => {})
    let rest = ''
    this.child.stdio[4].setEncoding('utf8').on('data', (data) => {
      const messages = (rest + data).split('\0')
      rest = messages.pop()
      for (const message of messages) this.onMessage(JSON.parse(message))
    })
  }

  onMessage ({ id, result, error, method, params, sessionId }) {
    if (id === undefined) return this.tabs.get(sessionId)?.onEvent(method, params)
    const wait = this.waiting.get(id)
    this.waiting.delete(id)
    if (error) wait?.reject(new Error(`${wait.method}: ${error.message}`))
    else wait?.resolve(result)
  }

  send (method, params = {}, sessionId = undefined) {
    const id = ++this.serial
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`chromium does not answer ${method}`)), ANSWER_MS)
      const over = (then) => (value) => { clearTimeout(late); then(value) }
      this.waiting.set(id, { method, resolve: over(resolve), reject: over(reject) })
      this.child.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + '\0')
    })
  }

  async tab () {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    const tab = new Tab(this, sessionId)
    this.tabs.set(sessionId, tab)
    for (const domain of ['Page', 'Network', 'Log', 'Runtime']) await tab.send(`${domain}.enable`)
    return tab
  }

  /** With all processes that it has started. */
  async end () {
    try { process.kill(-this.child.pid, 'SIGKILL') } catch {}
    await this.ended
    fs.rmSync(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }
}

module.exports = { Browser, unavailable }
