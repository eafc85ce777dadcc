/**
 * Reads QR codes with the camera: by the browser's own detector where there is one, else by the `qr` package.
 */
import { decodeQR } from 'qr/decode.js';

/** Why there is no picture, in a word. */
export type CameraTrouble = 'denied' | 'missing' | 'busy' | 'unsupported';

/** A camera at work. */
export interface Scanning {
  stop(): void;
}

type Detect = (video: HTMLVideoElement) => Promise<string | undefined>;

interface NativeDetector {
  detect(image: CanvasImageSource): Promise<readonly { readonly rawValue: string }[]>;
}

interface NativeDetectorClass {
  new (options: { formats: readonly string[] }): NativeDetector;
  getSupportedFormats(): Promise<readonly string[]>;
}

// A code changes every second and counts for five, so ten looks a second are plenty and leave the phone cool.
const lookEvery = 100;
const longestSide = 1280;

/**
 * Shows the camera in `video` and tells every text it reads until it says true ("enough"). The camera is off while the
 * page is hidden, and after `stop`. Rejects with a {@link CameraTrouble}.
 */
export async function scanCamera(video: HTMLVideoElement, read: (text: string) => boolean): Promise<Scanning> {
  const detect = await chooseDetector();
  let stream: MediaStream | undefined = await openCamera(video);
  let over = false;
  let opening = false;

  const release = (): void => {
    end(stream);
    stream = undefined;
    video.srcObject = null;
  };
  const onVisibility = (): void => {
    if (document.visibilityState === 'hidden') return release();
    if (stream !== undefined || opening || over) return;
    opening = true; // a second stream would be one that nobody ends
    void openCamera(video).then((opened) => {
      stream = opened;
      if (over || document.visibilityState === 'hidden') release();
    }).catch(() => undefined) // taken by another program meanwhile; looking away and back tries again
      .finally(() => (opening = false));
  };
  const stop = (): void => {
    over = true;
    document.removeEventListener('visibilitychange', onVisibility);
    release();
  };
  const look = async (): Promise<void> => {
    if (over) return;
    const text = stream === undefined || video.readyState < video.HAVE_CURRENT_DATA ? undefined : await detect(video);
    if (over) return;
    if (text !== undefined && read(text)) return stop();
    setTimeout(() => void look(), lookEvery);
  };

  document.addEventListener('visibilitychange', onVisibility);
  if (document.visibilityState === 'hidden') release(); // since while the camera was opened
  void look();
  return { stop };
}

async function openCamera(video: HTMLVideoElement): Promise<MediaStream> {
  // Absent outside secure contexts and where a policy forbids cameras, whatever the types say.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (devices === undefined) throw troubleOf('unsupported');
  let stream: MediaStream | undefined;
  try {
    stream = await devices.getUserMedia({ audio: false, video: { facingMode: 'environment', width: { ideal: longestSide } } });
    video.srcObject = stream;
    await video.play();
    return stream;
  } catch (error) {
    end(stream); // a video that was taken out of the page does not play, but its camera would stay on
    throw troubleOf(error instanceof DOMException ? error.name : '');
  }
}

function end(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

function troubleOf(name: string): Error {
  const trouble: CameraTrouble = name === 'NotAllowedError' || name === 'SecurityError' ? 'denied'
    : name === 'NotFoundError' || name === 'OverconstrainedError' ? 'missing'
    : name === 'unsupported' ? 'unsupported' : 'busy';
  return new Error(trouble);
}

async function chooseDetector(): Promise<Detect> {
  const native = (globalThis as { BarcodeDetector?: NativeDetectorClass }).BarcodeDetector;
  // Some browsers have the class and no formats behind it.
  const formats = await native?.getSupportedFormats().catch(() => [] as string[]);
  if (native === undefined || formats?.includes('qr_code') !== true) return createDecoder();
  const detector = new native({ formats: ['qr_code'] });
  return async (video) => {
    const found = await detector.detect(video).catch(() => []);
    return found[0]?.rawValue;
  };
}

function createDecoder(): Detect {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  return async (video) => {
    const scale = Math.min(1, longestSide / Math.max(video.videoWidth, video.videoHeight));
    const width = Math.floor(video.videoWidth * scale);
    const height = Math.floor(video.videoHeight * scale);
    if (context === null || width === 0 || height === 0) return undefined;
    // Setting a size clears the canvas and costs an allocation, so only when it changes.
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    context.drawImage(video, 0, 0, width, height);
    try {
      return decodeQR(context.getImageData(0, 0, width, height));
    } catch {
      return undefined; // no code in this frame, which is how most frames are
    }
  };
}
