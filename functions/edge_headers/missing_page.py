"""The page for a path that names nothing, in place of S3's XML, which is not for visitors."""

CONTENT_TYPE = "text/html; charset=utf-8"
PAGE = """\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>There is no such page · Lambda Gallery</title>
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <link rel="icon" href="/favicon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/page.css">
    <link rel="stylesheet" href="/photo.css">
  </head>
  <body>
    <header class="head">
      <a class="brand" href="/">
        <img src="/favicon.svg" alt="" width="28" height="28">Lambda Gallery
      </a>
    </header>
    <main>
      <div id="missing">
        <h1>There is no such page</h1>
        <p>The address may not be complete, or what it named was deleted.</p>
        <p><a href="/">See all photos</a></p>
      </div>
    </main>
  </body>
</html>
"""
