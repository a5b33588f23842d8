/** Somebody without a mouse. */

import { expect, type Locator, type Page } from '@playwright/test';

/** Presses Tab until `wanted` has the focus, and looks on the way that it can always be seen where the focus is. */
export async function tabTo(page: Page, wanted: Locator): Promise<void> {
  await expect(wanted).toBeVisible();
  for (let pressed = 0; pressed < 60; pressed++) {
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
    expect(await focus(page), 'an element with the focus that shows nothing of it').toBe('seen');
  }
  throw new Error(`no number of Tabs leads to ${String(wanted)}`);
}

/** Whether one can see what has the focus. */
async function focus(page: Page): Promise<string> {
  return await page.evaluate(() => {
    const element = document.activeElement;
    // The browser's own buttons come after the last element.
    if (!element || element === document.body) return 'seen';
    const marked = [element, element.parentElement, element.nextElementSibling].some((near) => {
      if (!near) return false;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(near);
      return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
    });
    return marked ? 'seen' : element.outerHTML.slice(0, 200);
  });
}
