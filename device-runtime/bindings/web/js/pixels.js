// Pictures to pixels, in the worker. How they become the network's square is the runtime's business.

/**
 * The pixels of a picture. A photograph of more pixels than the runtime reads is drawn smaller, in its own shape.
 * Transparent pixels are blended with white.
 */
export async function pixelsOf(image, maxSide, fit) {
  if (!(image instanceof Blob) && !(image instanceof ImageBitmap) && !(image instanceof ImageData)) {
    const { data, width, height, format } = image;
    return { data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), width, height, format };
  }
  const bitmap = image instanceof ImageBitmap ? image : await decode(image);
  const factor = Math.min(1, largest(bitmap, maxSide, fit));
  const width = Math.max(1, Math.floor(bitmap.width * factor));
  const height = Math.max(1, Math.floor(bitmap.height * factor));
  const canvas = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true, alpha: false });
  canvas.fillStyle = "white";
  canvas.fillRect(0, 0, width, height);
  canvas.imageSmoothingQuality = "high";
  canvas.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return { data: new Uint8Array(canvas.getImageData(0, 0, width, height).data.buffer), width, height, format: "rgba8" };
}

/** By which factor a picture may be drawn at most: its centre square counts, or all its pixels where they are read. */
function largest({ width, height }, maxSide, fit) {
  return fit === "crop" ? maxSide / Math.min(width, height) : Math.sqrt((2 * maxSide * maxSide) / (width * height));
}

async function decode(image) {
  try {
    return await createImageBitmap(image, {
      imageOrientation: "from-image",
      premultiplyAlpha: "none",
      colorSpaceConversion: "none",
    });
  } catch {
    const kind = image.type || "of no type";
    throw Object.assign(new Error(`the browser cannot decode this picture (${kind}): give a JPEG, PNG or WebP file`), {
      code: "picture_format",
    });
  }
}
