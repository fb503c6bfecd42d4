// Says in the page that everything came: style, both scripts, the picture, many fetches at once and an upload.
'use strict';
window.addEventListener('load', async () => {
  const result = document.getElementById('result');
  try {
    const fetched = await Promise.all(Array.from({length: 30}, async (_, i) => {
      const answer = await fetch(`data.json?i=${i}`);
      return (await answer.json()).value;
    }));
    const picture = document.getElementById('picture');
    const facts = [
      `first=${window.first}`,
      `style=${getComputedStyle(result).width}`,
      `picture=${picture.naturalWidth}x${picture.naturalHeight}`,
      `fetched=${fetched.reduce((a, b) => a + b, 0)}`,
      `large=${(await (await fetch('large.bin')).arrayBuffer()).byteLength}`,
    ];
    result.textContent = facts.join(' ');
  } catch (error) {
    result.textContent = `failed: ${error}`;
  }
});
