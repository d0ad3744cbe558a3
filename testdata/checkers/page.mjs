// page.mjs DIR [PICTURE]: looks at DIR/site/index.html in a real browser with axe-core, in
// each language, and in light and dark on a wide and a narrow screen. It fails if there
// is a barrier. run.sh calls it.
import fs from 'node:fs'
import path from 'node:path'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const require = createRequire(import.meta.url)
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const page = 'file://' + path.resolve(process.argv[2], 'site/index.html')
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
let failed = 0
for (const colorScheme of ['light', 'dark']) {
  for (const width of [1280, 360]) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true })
    const tab = await context.newPage()
    const asked = []
    tab.on('request', (r) => { if (r.url() !== page) asked.push(r.url()) })
    await tab.goto(page)
    await tab.evaluate(axe)
    const languages = await tab.$$eval('.switch input', (list) => list.map((i) => i.id))
    for (const lang of colorScheme === 'light' && width > 1000 ? languages : languages.slice(-1)) {
      await tab.locator(`label[for=${lang}]`).click()
      const result = await tab.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
      for (const v of result.violations) {
        failed++
        console.log(`WRONG page, ${colorScheme}, ${width} wide, ${lang}: ${v.id}: ${v.help}\n      ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join('\n      ')}`)
      }
    }
    const wide = await tab.evaluate(() => document.documentElement.scrollWidth > innerWidth)
    if (wide || asked.length) { failed++; console.log(`WRONG page, ${width} wide: it scrolls sideways (${wide}) or asks for ${asked}`) }
    if (process.argv[3]) await tab.screenshot({ path: `${process.argv[3]}-${colorScheme}-${width}.png`, fullPage: true })
    await context.close()
  }
}
await browser.close()
if (!failed) console.log('ok    landing page, with axe-core in Chromium: no barriers')
process.exitCode = failed ? 1 : 0
