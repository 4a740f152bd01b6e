/** Answers that providers give when they refuse a post, by name: { status, body }. */

const tiktok = (code, message) => ({
  status: code === 'access_token_invalid' ? 401 : 400,
  body: { data: {}, error: { code, message, log_id: '20261124-lab' } },
});

const meta = (status, message, code, subcode) => ({
  status,
  body: {
    error: {
      message,
      type: 'OAuthException',
      code,
      error_subcode: subcode,
      is_transient: false,
      fbtrace_id: 'AlabTrace',
    },
  },
});

export const errors = {
  'tiktok-access-token-invalid': tiktok(
    'access_token_invalid',
    'The access token is invalid or not found in the request.',
  ),
  'tiktok-rate-limit': { ...tiktok('rate_limit_exceeded', 'The API rate limit was exceeded.'), status: 403 },
  'tiktok-too-many-posts': tiktok(
    'spam_risk_too_many_posts',
    'The daily post cap from the API is reached for the current user.',
  ),
  'tiktok-banned': tiktok('spam_risk_user_banned_from_posting', 'The user is banned from making new posts.'),
  'tiktok-unaudited-client': tiktok(
    'unaudited_client_can_only_post_to_private_accounts',
    'Please review our integration guidelines.',
  ),
  'tiktok-url-unverified': tiktok('url_ownership_unverified', 'Please verify the ownership of the URL.'),
  'tiktok-user-cap': tiktok('reached_active_user_cap', 'The daily quota for active publishing users is reached.'),
  'tiktok-video-pull-failed': tiktok('video_pull_failed', 'The video could not be downloaded.'),
  'tiktok-internal': tiktok('internal_error', 'Something is wrong. Please try again later.'),
  'meta-token-expired': meta(
    401,
    'Error validating access token: Session has expired. The session has been invalidated.',
    190,
    463,
  ),
  'meta-permissions': meta(403, '(#200) The user has not authorized the application', 190, 33),
  'instagram-media-fetch': meta(400, 'Media download has failed. Error code 2207052', 9004, 2207052),
  'instagram-media-timeout': meta(400, 'Timeout downloading media. Error code 2207003', -2, 2207003),
  'instagram-aspect-ratio': meta(
    400,
    'The submitted image has an aspect ratio that is not supported. 2207009',
    36003,
    2207009,
  ),
  'instagram-daily-limit': meta(403, 'Application request limit reached. 2207042', 9, 2207042),
  'instagram-blocked': meta(403, 'Application request limit reached. 2207051', 4, 2207051),
  'instagram-spam': meta(403, 'Spam. 2207001', -1, 2207001),
  'facebook-photo-too-large': meta(400, 'Invalid parameter', 100, 1366046),
  'facebook-too-fast': meta(400, 'We limit how often you can post', 368, 1390008),
  'facebook-temporary': meta(500, 'Please try again', 2, 1363047),
  'html-503': { status: 503, body: '<html><body><h1>503 Service Unavailable</h1></body></html>' },
};
